--------------------------------------------------------------------------------------------------------------
-- Made by nngen from dense.onnx (sha256 2665b87afc437d53). Do not edit: run nngen again.
--
-- Whole network in parallel: a new sample in every cycle (II = 1), latency 3 cycles: what is sampled with
-- in_valid at a rising edge comes out with out_valid 3 rising edges later. rst (synchronous, active high)
-- clears the valid bits only. There is no back pressure.
--
-- Elements are packed in ONNX order, element 0 lowest. <W,I>: W bits, I of them integer bits; value = integer * 2^(I-W).
--   in_data     23 downto 0     x, 3 x fixed<8,3>
--   out_data    15 downto 0     y, 2 x fixed<8,3>
--
-- Layers (name of the elements, node, operators, format):
--   fc1              fc1 (Gemm), 2 x exact
--   relu1            relu1 (Relu), 2 x fixed<8,3>
--------------------------------------------------------------------------------------------------------------
library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;

entity dense is
  port (
    clk       : in  std_logic;
    rst       : in  std_logic;
    in_valid  : in  std_logic;
    in_data   : in  std_logic_vector(23 downto 0);
    out_valid : out std_logic;
    out_data  : out std_logic_vector(15 downto 0)
  );
end entity dense;

architecture rtl of dense is

  -- valid(n) belongs to the registers r<n>_*, which stage n writes and stage n + 1 reads.
  signal valid : std_logic_vector(0 to 2);

  signal r0_x_0, r0_x_1, r0_x_2 : signed(7 downto 0);

  signal r1_relu1_0 : unsigned(6 downto 0);
  signal r1_v19 : unsigned(8 downto 0);

begin

  p_valid : process (clk)
  begin
    if rising_edge(clk) then
      valid <= in_valid & valid(0 to 1);
      if rst = '1' then
        valid <= (others => '0');
      end if;
    end if;
  end process p_valid;

  out_valid <= valid(2);

  p_s0_input : process (clk)
  begin
    if rising_edge(clk) then
      r0_x_0 <= signed(in_data(7 downto 0));
      r0_x_1 <= signed(in_data(15 downto 8));
      r0_x_2 <= signed(in_data(23 downto 16));
    end if;
  end process p_s0_input;

  p_s1_fc1_relu1 : process (clk)
    variable relu1_0 : unsigned(6 downto 0);
    variable v16, v19 : unsigned(8 downto 0);
    variable v4, v6, v10 : signed(8 downto 0);
    variable v12, v15 : signed(9 downto 0);
    variable v7, v9, v18 : signed(10 downto 0);
    variable v13 : signed(11 downto 0);
    variable v11 : signed(12 downto 0);
    variable fc1_1 : signed(15 downto 0);
  begin
    if rising_edge(clk) then
      -- fc1: Gemm
      v4 := resize(r0_x_0, 9) - r0_x_2;
      v6 := resize(r0_x_0, 9) + 33;
      v7 := v6 + shift_left(resize(v4, 11), 1);
      v9 := shift_left(resize(r0_x_1, 11), 2) - r0_x_2;
      v10 := resize(r0_x_2, 9) - 79;
      v11 := v9 + shift_left(resize(v10, 13), 4);
      v12 := r0_x_1 - shift_left(resize(r0_x_1, 10), 2);
      v13 := v4 + shift_left(resize(v12, 12), 2);
      fc1_1 := v11 - shift_left(resize(v13, 16), 3);
      -- relu1: Relu
      v15 := v7(10 downto 1);
      if v15(9) = '1' then
        v16 := (others => '0');
      else
        v16 := unsigned(v15(8 downto 0));
      end if;
      if v16(8 downto 7) /= 0 then
        relu1_0 := to_unsigned(127, 7);
      else
        relu1_0 := v16(6 downto 0);
      end if;
      v18 := fc1_1(15 downto 5);
      if v18(10) = '1' then
        v19 := (others => '0');
      else
        v19 := unsigned(v18(8 downto 0));
      end if;

      -- registers
      r1_relu1_0 <= relu1_0;
      r1_v19 <= v19;
    end if;
  end process p_s1_fc1_relu1;

  p_s2_relu1 : process (clk)
    variable relu1_1 : unsigned(6 downto 0);
  begin
    if rising_edge(clk) then
      -- relu1: Relu
      if r1_v19(8 downto 7) /= 0 then
        relu1_1 := to_unsigned(127, 7);
      else
        relu1_1 := r1_v19(6 downto 0);
      end if;

      -- outputs
      out_data(7 downto 0) <= std_logic_vector(resize(r1_relu1_0, 8));
      out_data(15 downto 8) <= std_logic_vector(resize(relu1_1, 8));
    end if;
  end process p_s2_relu1;

end architecture rtl;
