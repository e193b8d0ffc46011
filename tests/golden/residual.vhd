--------------------------------------------------------------------------------------------------------------
-- Made by nngen from residual.onnx (sha256 dcb9aa828b5a23bd). Do not edit: run nngen again.
--
-- Whole network in parallel: a new sample in every cycle (II = 1), latency 3 cycles: what is sampled with
-- in_valid at a rising edge comes out with out_valid 3 rising edges later. rst (synchronous, active high)
-- clears the valid bits only. There is no back pressure.
--
-- Elements are packed in ONNX order, element 0 lowest. <W,I>: W bits, I of them integer bits; value = integer * 2^(I-W).
--   in_data     19 downto 0     x, 4 x fixed<5,3>
--   out_data    19 downto 0     y, 4 x fixed<5,3>
--
-- Layers (name of the elements, node, operators, format):
--   left             left (Slice), 2 x exact
--   right            right (Slice), 2 x exact
--   gate             gate (Mul), 2 x exact
--   fc1              fc1 (MatMul), 2 x exact
--   join             join (Add), 2 x fixed<5,3>
--   both             both (Concat), 4 x exact
--------------------------------------------------------------------------------------------------------------
library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;

entity residual is
  port (
    clk       : in  std_logic;
    rst       : in  std_logic;
    in_valid  : in  std_logic;
    in_data   : in  std_logic_vector(19 downto 0);
    out_valid : out std_logic;
    out_data  : out std_logic_vector(19 downto 0)
  );
end entity residual;

architecture rtl of residual is

  -- valid(n) belongs to the registers r<n>_*, which stage n writes and stage n + 1 reads.
  signal valid : std_logic_vector(0 to 2);

  signal r0_x_0, r0_x_1, r0_x_2, r0_x_3 : signed(4 downto 0);

  signal r1_x_2, r1_x_3 : signed(4 downto 0);
  signal r1_v10, r1_v15 : signed(9 downto 0);

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
      r0_x_0 <= signed(in_data(4 downto 0));
      r0_x_1 <= signed(in_data(9 downto 5));
      r0_x_2 <= signed(in_data(14 downto 10));
      r0_x_3 <= signed(in_data(19 downto 15));
    end if;
  end process p_s0_input;

  p_s1_gate_fc1_join : process (clk)
    variable v6, v7 : signed(6 downto 0);
    variable fc1_0 : signed(8 downto 0);
    variable gate_0, gate_1, v10, v15 : signed(9 downto 0);
  begin
    if rising_edge(clk) then
      -- gate: Mul
      gate_0 := r0_x_0 * r0_x_2;
      gate_1 := r0_x_1 * r0_x_3;
      -- fc1: MatMul
      v6 := shift_left(resize(r0_x_0, 7), 1) + r0_x_1;
      v7 := r0_x_1 - shift_left(resize(r0_x_0, 7), 1);
      fc1_0 := shift_left(resize(v6, 9), 2) - v6;
      -- join: Add
      v10 := gate_0 + fc1_0;
      v15 := gate_1 + shift_left(resize(v7, 10), 2);

      -- registers
      r1_x_2 <= r0_x_2;
      r1_x_3 <= r0_x_3;
      r1_v10 <= v10;
      r1_v15 <= v15;
    end if;
  end process p_s1_gate_fc1_join;

  p_s2_join : process (clk)
    variable join_0, join_1 : signed(4 downto 0);
    variable v12, v16 : signed(9 downto 0);
  begin
    if rising_edge(clk) then
      -- join: Add
      v12 := r1_v10 + 2;
      join_0 := v12(6 downto 2);
      v16 := r1_v15 + 2;
      join_1 := v16(6 downto 2);

      -- outputs
      out_data(4 downto 0) <= std_logic_vector(join_0);
      out_data(9 downto 5) <= std_logic_vector(join_1);
      out_data(14 downto 10) <= std_logic_vector(r1_x_2);
      out_data(19 downto 15) <= std_logic_vector(r1_x_3);
    end if;
  end process p_s2_join;

end architecture rtl;
