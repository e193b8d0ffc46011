--------------------------------------------------------------------------------------------------------------
-- Made by nngen from activation.onnx (sha256 9f41babcfaeaf5e4). Do not edit: run nngen again.
--
-- Whole network in parallel: a new sample in every cycle (II = 1), latency 6 cycles: what is sampled with
-- in_valid at a rising edge comes out with out_valid 6 rising edges later. rst (synchronous, active high)
-- clears the valid bits only. There is no back pressure.
--
-- Elements are packed in ONNX order, element 0 lowest. <W,I>: W bits, I of them integer bits; value = integer * 2^(I-W).
--   in_data     11 downto 0     x, 2 x fixed<6,2>
--   out_data     5 downto 0     y, 1 x fixed<6,2>
--
-- Layers (name of the elements, node, operators, format):
--   fc1              fc1 (MatMul), 1 x exact
--   act              act (Sigmoid), 1 x fixed<6,2>
--------------------------------------------------------------------------------------------------------------
library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;

library work;
  use work.activation_tables.all;

entity activation is
  port (
    clk       : in  std_logic;
    rst       : in  std_logic;
    in_valid  : in  std_logic;
    in_data   : in  std_logic_vector(11 downto 0);
    out_valid : out std_logic;
    out_data  : out std_logic_vector(5 downto 0)
  );
end entity activation;

architecture rtl of activation is

  -- valid(n) belongs to the registers r<n>_*, which stage n writes and stage n + 1 reads.
  signal valid : std_logic_vector(0 to 5);

  signal r0_x_0, r0_x_1 : signed(5 downto 0);

  signal r1_x_1 : signed(5 downto 0);
  signal r1_v2 : signed(7 downto 0);

  signal r2_v3 : signed(9 downto 0);

  signal r3_v6 : unsigned(0 downto 0);
  signal r3_v8 : signed(11 downto 0);

  signal r4_v10 : signed(4 downto 0);

begin

  p_valid : process (clk)
  begin
    if rising_edge(clk) then
      valid <= in_valid & valid(0 to 4);
      if rst = '1' then
        valid <= (others => '0');
      end if;
    end if;
  end process p_valid;

  out_valid <= valid(5);

  p_s0_input : process (clk)
  begin
    if rising_edge(clk) then
      r0_x_0 <= signed(in_data(5 downto 0));
      r0_x_1 <= signed(in_data(11 downto 6));
    end if;
  end process p_s0_input;

  p_s1_fc1 : process (clk)
    variable v2 : signed(7 downto 0);
  begin
    if rising_edge(clk) then
      -- fc1: MatMul
      v2 := r0_x_1 + shift_left(resize(r0_x_0, 8), 1);

      -- registers
      r1_x_1 <= r0_x_1;
      r1_v2 <= v2;
    end if;
  end process p_s1_fc1;

  p_s2_fc1 : process (clk)
    variable v3 : signed(9 downto 0);
  begin
    if rising_edge(clk) then
      -- fc1: MatMul
      v3 := r1_v2 - shift_left(resize(r1_x_1, 10), 3);

      -- registers
      r2_v3 <= v3;
    end if;
  end process p_s2_fc1;

  p_s3_act : process (clk)
    variable v6 : unsigned(0 downto 0);
    variable v5 : signed(4 downto 0);
    variable v8 : signed(11 downto 0);
  begin
    if rising_edge(clk) then
      -- act: Sigmoid
      v5 := r2_v3(9 downto 5);
      v6 := unsigned(v5(0 downto 0));
      v8 := shift_left(resize(r2_v3, 12), 2) + 63;

      -- registers
      r3_v6 <= v6;
      r3_v8 <= v8;
    end if;
  end process p_s3_act;

  p_s4_act : process (clk)
    variable v10 : signed(4 downto 0);
    variable v9 : signed(11 downto 0);
  begin
    if rising_edge(clk) then
      -- act: Sigmoid
      v9 := signed(resize(r3_v6, 12)) + r3_v8;
      v10 := v9(11 downto 7);

      -- registers
      r4_v10 <= v10;
    end if;
  end process p_s4_act;

  p_s5_act : process (clk)
    variable act_0 : unsigned(4 downto 0);
    variable v11 : signed(3 downto 0);
  begin
    if rising_edge(clk) then
      -- act: Sigmoid
      if r4_v10 < -7 then
        v11 := to_signed(-7, 4);
      elsif r4_v10(4) = '0' and r4_v10(3) = '1' then
        v11 := to_signed(7, 4);
      else
        v11 := r4_v10(3 downto 0);
      end if;
      act_0 := c_sigmoid_0(to_integer(unsigned(v11)));

      -- outputs
      out_data(5 downto 0) <= std_logic_vector(resize(act_0, 6));
    end if;
  end process p_s5_act;

end architecture rtl;
