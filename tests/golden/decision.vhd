--------------------------------------------------------------------------------------------------------------
-- Made by nngen from decision.onnx (sha256 e2d33b48428f7507). Do not edit: run nngen again.
--
-- Whole network in parallel: a new sample in every cycle (II = 1), latency 3 cycles: what is sampled with
-- in_valid at a rising edge comes out with out_valid 3 rising edges later. rst (synchronous, active high)
-- clears the valid bits only. There is no back pressure.
--
-- Elements are packed in ONNX order, element 0 lowest. <W,I>: W bits, I of them integer bits; value = integer * 2^(I-W).
--   in_data     15 downto 0     x, 2 x fixed<8,4>
--   out_data     1 downto 0     y, 1 x ufixed<2,2>
--
-- Layers (name of the elements, node, operators, format):
--   fc1              fc1 (MatMul), 3 x exact
--   decide           decide (ArgMax), 1 x ufixed<2,2>
--------------------------------------------------------------------------------------------------------------
library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;

entity decision is
  port (
    clk       : in  std_logic;
    rst       : in  std_logic;
    in_valid  : in  std_logic;
    in_data   : in  std_logic_vector(15 downto 0);
    out_valid : out std_logic;
    out_data  : out std_logic_vector(1 downto 0)
  );
end entity decision;

architecture rtl of decision is

  -- valid(n) belongs to the registers r<n>_*, which stage n writes and stage n + 1 reads.
  signal valid : std_logic_vector(0 to 2);

  signal r0_x_0, r0_x_1 : signed(7 downto 0);

  signal r1_v17 : unsigned(0 downto 0);
  signal r1_v8 : signed(9 downto 0);
  signal r1_v18 : signed(14 downto 0);

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
    end if;
  end process p_s0_input;

  p_s1_fc1_decide : process (clk)
    variable v17 : unsigned(0 downto 0);
    variable v9 : signed(8 downto 0);
    variable v8 : signed(9 downto 0);
    variable v10 : signed(10 downto 0);
    variable v18 : signed(14 downto 0);
  begin
    if rising_edge(clk) then
      -- fc1: MatMul
      v8 := r0_x_0 - shift_left(resize(r0_x_1, 10), 1);
      v9 := -resize(r0_x_1, 9);
      v10 := v9 - shift_left(resize(v8, 11), 1);
      -- decide: ArgMax
      if shift_left(resize(r0_x_0, 12), 4) < shift_left(resize(v10, 15), 4) then
        v17 := "1";
      else
        v17 := "0";
      end if;
      if shift_left(resize(r0_x_0, 12), 4) < shift_left(resize(v10, 15), 4) then
        v18 := shift_left(resize(v10, 15), 4);
      else
        v18 := shift_left(resize(r0_x_0, 15), 4);
      end if;

      -- registers
      r1_v8 <= v8;
      r1_v17 <= v17;
      r1_v18 <= v18;
    end if;
  end process p_s1_fc1_decide;

  p_s2_decide : process (clk)
    variable v19, v21 : unsigned(0 downto 0);
    variable decide_0 : unsigned(1 downto 0);
  begin
    if rising_edge(clk) then
      -- decide: ArgMax
      if r1_v17(0) = '1' then
        v19 := to_unsigned(1, 1);
      else
        v19 := (others => '0');
      end if;
      if r1_v18 < shift_left(resize(r1_v8, 13), 3) then
        v21 := "1";
      else
        v21 := "0";
      end if;
      if v21(0) = '1' then
        decide_0 := to_unsigned(2, 2);
      else
        decide_0 := resize(v19, 2);
      end if;

      -- outputs
      out_data(1 downto 0) <= std_logic_vector(decide_0);
    end if;
  end process p_s2_decide;

end architecture rtl;
