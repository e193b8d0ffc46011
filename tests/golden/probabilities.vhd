--------------------------------------------------------------------------------------------------------------
-- Made by nngen from probabilities.onnx (sha256 48ac6d8cb6573e1e). Do not edit: run nngen again.
--
-- Whole network in parallel: a new sample in every cycle (II = 1), latency 5 cycles: what is sampled with
-- in_valid at a rising edge comes out with out_valid 5 rising edges later. rst (synchronous, active high)
-- clears the valid bits only. There is no back pressure.
--
-- Elements are packed in ONNX order, element 0 lowest. <W,I>: W bits, I of them integer bits; value = integer * 2^(I-W).
--   in_data     23 downto 0     x, 3 x fixed<8,4>
--   out_data    23 downto 0     y, 3 x fixed<8,4>
--
-- Layers (name of the elements, node, operators, format):
--   softmax          softmax (Softmax), 3 x fixed<8,4>
--------------------------------------------------------------------------------------------------------------
library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;

library work;
  use work.probabilities_tables.all;

entity probabilities is
  port (
    clk       : in  std_logic;
    rst       : in  std_logic;
    in_valid  : in  std_logic;
    in_data   : in  std_logic_vector(23 downto 0);
    out_valid : out std_logic;
    out_data  : out std_logic_vector(23 downto 0)
  );
end entity probabilities;

architecture rtl of probabilities is

  -- valid(n) belongs to the registers r<n>_*, which stage n writes and stage n + 1 reads.
  signal valid : std_logic_vector(0 to 4);

  signal r0_x_0, r0_x_1, r0_x_2 : signed(7 downto 0);

  signal r1_v8, r1_v11, r1_v14 : signed(5 downto 0);

  signal r2_v9, r2_v12, r2_v15 : unsigned(2 downto 0);

  signal r3_v20 : unsigned(0 downto 0);
  signal r3_v24 : unsigned(2 downto 0);
  signal r3_v10, r3_v13, r3_v16 : unsigned(7 downto 0);

begin

  p_valid : process (clk)
  begin
    if rising_edge(clk) then
      valid <= in_valid & valid(0 to 3);
      if rst = '1' then
        valid <= (others => '0');
      end if;
    end if;
  end process p_valid;

  out_valid <= valid(4);

  p_s0_input : process (clk)
  begin
    if rising_edge(clk) then
      r0_x_0 <= signed(in_data(7 downto 0));
      r0_x_1 <= signed(in_data(15 downto 8));
      r0_x_2 <= signed(in_data(23 downto 16));
    end if;
  end process p_s0_input;

  p_s1_softmax : process (clk)
    variable v3, v4, v5, v6, v7 : signed(4 downto 0);
    variable v8, v11, v14 : signed(5 downto 0);
  begin
    if rising_edge(clk) then
      -- softmax: Softmax
      v3 := r0_x_0(7 downto 3);
      v4 := r0_x_1(7 downto 3);
      v5 := r0_x_2(7 downto 3);
      if v3 < v4 then
        v6 := v4;
      else
        v6 := v3;
      end if;
      if v5 < v6 then
        v7 := v6;
      else
        v7 := v5;
      end if;
      v8 := resize(v7, 6) - v3;
      v11 := resize(v7, 6) - v4;
      v14 := resize(v7, 6) - v5;

      -- registers
      r1_v8 <= v8;
      r1_v11 <= v11;
      r1_v14 <= v14;
    end if;
  end process p_s1_softmax;

  p_s2_softmax : process (clk)
    variable v9, v12, v15 : unsigned(2 downto 0);
  begin
    if rising_edge(clk) then
      -- softmax: Softmax
      if r1_v8(5) = '1' then
        v9 := (others => '0');
      elsif r1_v8(5) = '0' and r1_v8(4 downto 3) /= 0 then
        v9 := to_unsigned(7, 3);
      else
        v9 := unsigned(r1_v8(2 downto 0));
      end if;
      if r1_v11(5) = '1' then
        v12 := (others => '0');
      elsif r1_v11(5) = '0' and r1_v11(4 downto 3) /= 0 then
        v12 := to_unsigned(7, 3);
      else
        v12 := unsigned(r1_v11(2 downto 0));
      end if;
      if r1_v14(5) = '1' then
        v15 := (others => '0');
      elsif r1_v14(5) = '0' and r1_v14(4 downto 3) /= 0 then
        v15 := to_unsigned(7, 3);
      else
        v15 := unsigned(r1_v14(2 downto 0));
      end if;

      -- registers
      r2_v9 <= v9;
      r2_v12 <= v12;
      r2_v15 <= v15;
    end if;
  end process p_s2_softmax;

  p_s3_softmax : process (clk)
    variable v20 : unsigned(0 downto 0);
    variable v24 : unsigned(2 downto 0);
    variable v23 : unsigned(3 downto 0);
    variable v10, v13, v16 : unsigned(7 downto 0);
    variable v17, v18, v22 : unsigned(8 downto 0);
  begin
    if rising_edge(clk) then
      -- softmax: Softmax
      v10 := c_exp_0(to_integer(r2_v9));
      v13 := c_exp_0(to_integer(r2_v12));
      v16 := c_exp_0(to_integer(r2_v15));
      v17 := resize(v10, 9) + v13;
      v18 := v16 + v17;
      if v18(8) = '0' then
        v20 := "1";
      else
        v20 := "0";
      end if;
      if v20(0) = '1' then
        v22 := shift_left(resize(v18(7 downto 0), 9), 1);
      else
        v22 := v18;
      end if;
      v23 := v22(8 downto 5);
      v24 := v23(2 downto 0);

      -- registers
      r3_v10 <= v10;
      r3_v13 <= v13;
      r3_v16 <= v16;
      r3_v20 <= v20;
      r3_v24 <= v24;
    end if;
  end process p_s3_softmax;

  p_s4_softmax : process (clk)
    variable softmax_0, softmax_1, softmax_2 : unsigned(3 downto 0);
    variable v25 : unsigned(6 downto 0);
    variable v27 : unsigned(7 downto 0);
    variable v28, v30, v32 : unsigned(14 downto 0);
  begin
    if rising_edge(clk) then
      -- softmax: Softmax
      v25 := c_reciprocal_1(to_integer(r3_v24));
      if r3_v20(0) = '1' then
        v27 := shift_left(resize(v25, 8), 1);
      else
        v27 := resize(v25, 8);
      end if;
      v28 := resize(r3_v10 * v27, 15);
      softmax_0 := v28(14 downto 11);
      v30 := resize(r3_v13 * v27, 15);
      softmax_1 := v30(14 downto 11);
      v32 := resize(r3_v16 * v27, 15);
      softmax_2 := v32(14 downto 11);

      -- outputs
      out_data(7 downto 0) <= std_logic_vector(resize(softmax_0, 8));
      out_data(15 downto 8) <= std_logic_vector(resize(softmax_1, 8));
      out_data(23 downto 16) <= std_logic_vector(resize(softmax_2, 8));
    end if;
  end process p_s4_softmax;

end architecture rtl;
