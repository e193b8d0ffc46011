--------------------------------------------------------------------------------------------------------------
-- Made by nngen from convolution.onnx (sha256 83d710c9af729016). Do not edit: run nngen again.
--
-- Whole network in parallel: a new sample in every cycle (II = 1), latency 4 cycles: what is sampled with
-- in_valid at a rising edge comes out with out_valid 4 rising edges later. rst (synchronous, active high)
-- clears the valid bits only. There is no back pressure.
--
-- Elements are packed in ONNX order, element 0 lowest. <W,I>: W bits, I of them integer bits; value = integer * 2^(I-W).
--   in_data     23 downto 0     x, 4 x fixed<6,3>
--   out_data    11 downto 0     y, 2 x fixed<6,3>
--
-- Layers (name of the elements, node, operators, format):
--   conv             conv (Conv), 8 x exact
--   relu             relu (Relu), 8 x fixed<6,3>
--   max              max (MaxPool), 4 x exact
--   mean             mean (AveragePool), 2 x fixed<6,3>
--------------------------------------------------------------------------------------------------------------
library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;

entity convolution is
  port (
    clk       : in  std_logic;
    rst       : in  std_logic;
    in_valid  : in  std_logic;
    in_data   : in  std_logic_vector(23 downto 0);
    out_valid : out std_logic;
    out_data  : out std_logic_vector(11 downto 0)
  );
end entity convolution;

architecture rtl of convolution is

  -- valid(n) belongs to the registers r<n>_*, which stage n writes and stage n + 1 reads.
  signal valid : std_logic_vector(0 to 3);

  signal r0_x_0, r0_x_1, r0_x_2, r0_x_3 : signed(5 downto 0);

  signal r1_relu_7 : unsigned(2 downto 0);
  signal r1_relu_0, r1_relu_3, r1_relu_4, r1_relu_5, r1_relu_6 : unsigned(4 downto 0);
  signal r1_v33, r1_v36 : unsigned(6 downto 0);

  signal r2_mean_1 : unsigned(4 downto 0);
  signal r2_v55 : unsigned(5 downto 0);

begin

  p_valid : process (clk)
  begin
    if rising_edge(clk) then
      valid <= in_valid & valid(0 to 2);
      if rst = '1' then
        valid <= (others => '0');
      end if;
    end if;
  end process p_valid;

  out_valid <= valid(3);

  p_s0_input : process (clk)
  begin
    if rising_edge(clk) then
      r0_x_0 <= signed(in_data(5 downto 0));
      r0_x_1 <= signed(in_data(11 downto 6));
      r0_x_2 <= signed(in_data(17 downto 12));
      r0_x_3 <= signed(in_data(23 downto 18));
    end if;
  end process p_s0_input;

  p_s1_conv_relu : process (clk)
    variable relu_7 : unsigned(2 downto 0);
    variable relu_0, relu_3, relu_4, relu_5, relu_6 : unsigned(4 downto 0);
    variable v30, v39, v44, v47 : unsigned(5 downto 0);
    variable v33, v36 : unsigned(6 downto 0);
    variable v49 : signed(5 downto 0);
    variable v10, v16, v22, v25, v26, v29, v38, v41 : signed(6 downto 0);
    variable v7, v11, v13, v14, v19, v20, v27, v32, v35, v43, v46 : signed(7 downto 0);
    variable v8, v12, v17, v23, v28 : signed(8 downto 0);
    variable v15, v18, v21, v24 : signed(9 downto 0);
  begin
    if rising_edge(clk) then
      -- conv: Conv
      v7 := resize(r0_x_1, 8) - 38;
      v8 := v7 + shift_left(resize(r0_x_1, 9), 2);
      v10 := to_signed(18, 7) - r0_x_0;
      v11 := r0_x_1 - shift_left(resize(r0_x_1, 8), 2);
      v12 := resize(v10, 9) - v11;
      v13 := shift_left(resize(r0_x_0, 8), 1) + r0_x_2;
      v14 := shift_left(resize(r0_x_2, 8), 1) - 19;
      v15 := v13 + shift_left(resize(v14, 10), 1);
      v16 := to_signed(18, 7) - r0_x_1;
      v17 := resize(v16, 9) - v13;
      v18 := v17 + shift_left(resize(v13, 10), 2);
      v19 := shift_left(resize(r0_x_1, 8), 1) + r0_x_3;
      v20 := shift_left(resize(r0_x_3, 8), 1) - 19;
      v21 := v19 + shift_left(resize(v20, 10), 1);
      v22 := to_signed(18, 7) - r0_x_2;
      v23 := resize(v22, 9) - v19;
      v24 := v23 + shift_left(resize(v19, 10), 2);
      v25 := resize(r0_x_2, 7) - 19;
      v26 := to_signed(18, 7) - r0_x_3;
      v27 := r0_x_2 - shift_left(resize(r0_x_2, 8), 2);
      v28 := v26 - shift_left(resize(v27, 9), 1);
      -- relu: Relu
      v29 := v12(8 downto 2);
      if v29(6) = '1' then
        v30 := (others => '0');
      else
        v30 := unsigned(v29(5 downto 0));
      end if;
      if v30(5) = '1' then
        relu_0 := to_unsigned(31, 5);
      else
        relu_0 := v30(4 downto 0);
      end if;
      v32 := v18(9 downto 2);
      if v32(7) = '1' then
        v33 := (others => '0');
      else
        v33 := unsigned(v32(6 downto 0));
      end if;
      v35 := v24(9 downto 2);
      if v35(7) = '1' then
        v36 := (others => '0');
      else
        v36 := unsigned(v35(6 downto 0));
      end if;
      v38 := v28(8 downto 2);
      if v38(6) = '1' then
        v39 := (others => '0');
      else
        v39 := unsigned(v38(5 downto 0));
      end if;
      if v39(5) = '1' then
        relu_3 := to_unsigned(31, 5);
      else
        relu_3 := v39(4 downto 0);
      end if;
      v41 := v8(8 downto 2);
      if v41(6) = '1' then
        relu_4 := (others => '0');
      else
        relu_4 := unsigned(v41(4 downto 0));
      end if;
      v43 := v15(9 downto 2);
      if v43(7) = '1' then
        v44 := (others => '0');
      else
        v44 := unsigned(v43(5 downto 0));
      end if;
      if v44(5) = '1' then
        relu_5 := to_unsigned(31, 5);
      else
        relu_5 := v44(4 downto 0);
      end if;
      v46 := v21(9 downto 2);
      if v46(7) = '1' then
        v47 := (others => '0');
      else
        v47 := unsigned(v46(5 downto 0));
      end if;
      if v47(5) = '1' then
        relu_6 := to_unsigned(31, 5);
      else
        relu_6 := v47(4 downto 0);
      end if;
      v49 := v25(6 downto 1);
      if v49(5) = '1' then
        relu_7 := (others => '0');
      else
        relu_7 := unsigned(v49(2 downto 0));
      end if;

      -- registers
      r1_relu_0 <= relu_0;
      r1_v33 <= v33;
      r1_v36 <= v36;
      r1_relu_3 <= relu_3;
      r1_relu_4 <= relu_4;
      r1_relu_5 <= relu_5;
      r1_relu_6 <= relu_6;
      r1_relu_7 <= relu_7;
    end if;
  end process p_s1_conv_relu;

  p_s2_relu_max_mean : process (clk)
    variable relu_1, relu_2, max_0, max_2, max_1, max_3, mean_1 : unsigned(4 downto 0);
    variable v55, v56, v60 : unsigned(5 downto 0);
  begin
    if rising_edge(clk) then
      -- relu: Relu
      if r1_v33(6 downto 5) /= 0 then
        relu_1 := to_unsigned(31, 5);
      else
        relu_1 := r1_v33(4 downto 0);
      end if;
      if r1_v36(6 downto 5) /= 0 then
        relu_2 := to_unsigned(31, 5);
      else
        relu_2 := r1_v36(4 downto 0);
      end if;
      -- max: MaxPool
      if r1_relu_0 < relu_1 then
        max_0 := relu_1;
      else
        max_0 := r1_relu_0;
      end if;
      if r1_relu_4 < r1_relu_5 then
        max_2 := r1_relu_5;
      else
        max_2 := r1_relu_4;
      end if;
      if relu_2 < r1_relu_3 then
        max_1 := r1_relu_3;
      else
        max_1 := relu_2;
      end if;
      if r1_relu_6 < r1_relu_7 then
        max_3 := resize(r1_relu_7, 5);
      else
        max_3 := r1_relu_6;
      end if;
      -- mean: AveragePool
      v55 := resize(max_0, 6) + max_1;
      v56 := resize(max_2, 6) + max_3;
      v60 := v56 + 1;
      mean_1 := v60(5 downto 1);

      -- registers
      r2_v55 <= v55;
      r2_mean_1 <= mean_1;
    end if;
  end process p_s2_relu_max_mean;

  p_s3_mean : process (clk)
    variable mean_0 : unsigned(4 downto 0);
    variable v58 : unsigned(5 downto 0);
  begin
    if rising_edge(clk) then
      -- mean: AveragePool
      v58 := r2_v55 + 1;
      mean_0 := v58(5 downto 1);

      -- outputs
      out_data(5 downto 0) <= std_logic_vector(resize(mean_0, 6));
      out_data(11 downto 6) <= std_logic_vector(resize(r2_mean_1, 6));
    end if;
  end process p_s3_mean;

end architecture rtl;
