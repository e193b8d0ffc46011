--------------------------------------------------------------------------------------------------------------
-- Made by nngen from recurrent.onnx (sha256 fadfdeb884466b5f). Do not edit: run nngen again.
--
-- Whole network in parallel: a new sample in every cycle (II = 1), latency 6 cycles: what is sampled with
-- in_valid at a rising edge comes out with out_valid 6 rising edges later. rst (synchronous, active high)
-- clears the valid bits only. There is no back pressure.
--
-- Elements are packed in ONNX order, element 0 lowest. <W,I>: W bits, I of them integer bits; value = integer * 2^(I-W).
--   in_data     17 downto 0     x, 3 x fixed<6,2>
--   out_data    11 downto 0     y, 2 x fixed<6,2>
--
-- Layers (name of the elements, node, operators, format):
--   rnn_x_rows       rnn_x_rows (Reshape), 3 x exact
--   rnn_x_split      rnn_x_split (Split), 1 x exact
--   rnn_t0_xh        rnn_t0_xh (Concat), 3 x exact
--   rnn_t0_gates     rnn_t0_gates (Gemm), 2 x exact
--   rnn_t0_h         rnn_t0_h (Tanh), 2 x fixed<6,2>
--   rnn_t1_xh        rnn_t1_xh (Concat), 3 x exact
--   rnn_t1_gates     rnn_t1_gates (Gemm), 2 x exact
--   rnn_t1_h         rnn_t1_h (Tanh), 2 x fixed<6,2>
--   rnn_t2_xh        rnn_t2_xh (Concat), 3 x exact
--   rnn_t2_gates     rnn_t2_gates (Gemm), 2 x exact
--   rnn_t2_h         rnn_t2_h (Tanh), 2 x fixed<6,2>
--   rnn_y_h          rnn_Y_h (Reshape), 2 x exact
--   last             last (Squeeze), 2 x exact
--------------------------------------------------------------------------------------------------------------
library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;

library work;
  use work.recurrent_tables.all;

entity recurrent is
  port (
    clk       : in  std_logic;
    rst       : in  std_logic;
    in_valid  : in  std_logic;
    in_data   : in  std_logic_vector(17 downto 0);
    out_valid : out std_logic;
    out_data  : out std_logic_vector(11 downto 0)
  );
end entity recurrent;

architecture rtl of recurrent is

  -- valid(n) belongs to the registers r<n>_*, which stage n writes and stage n + 1 reads.
  signal valid : std_logic_vector(0 to 5);

  signal r0_x_0, r0_x_1, r0_x_2 : signed(5 downto 0);

  signal r1_x_1, r1_x_2, r1_rnn_t0_h_1 : signed(5 downto 0);
  signal r1_v14 : signed(8 downto 0);

  signal r2_x_2 : signed(5 downto 0);
  signal r2_v23 : signed(8 downto 0);
  signal r2_v27 : signed(9 downto 0);

  signal r3_x_2, r3_rnn_t1_h_0, r3_rnn_t1_h_1 : signed(5 downto 0);

  signal r4_v56 : signed(7 downto 0);
  signal r4_v43 : signed(8 downto 0);

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
      r0_x_2 <= signed(in_data(17 downto 12));
    end if;
  end process p_s0_input;

  p_s1_rnn_t0_gates_rnn_t0_h : process (clk)
    variable v18 : unsigned(8 downto 0);
    variable rnn_t0_h_1 : signed(5 downto 0);
    variable v6 : signed(7 downto 0);
    variable v13, v14 : signed(8 downto 0);
    variable rnn_t0_gates_1 : signed(9 downto 0);
    variable rnn_t0_gates_0 : signed(10 downto 0);
  begin
    if rising_edge(clk) then
      -- rnn_t0_gates: Gemm
      v6 := shift_left(resize(r0_x_0, 8), 2) - r0_x_0;
      rnn_t0_gates_0 := shift_left(resize(v6, 11), 3) + 194;
      rnn_t0_gates_1 := to_signed(-30, 10) - shift_left(resize(v6, 10), 2);
      -- rnn_t0_h: Tanh
      v13 := rnn_t0_gates_0(10 downto 2);
      if v13 < -133 then
        v14 := to_signed(-133, 9);
      elsif v13 > 137 then
        v14 := to_signed(137, 9);
      else
        v14 := v13;
      end if;
      v18 := unsigned(resize(rnn_t0_gates_1(9 downto 2), 9));
      rnn_t0_h_1 := c_tanh_0(to_integer(v18));

      -- registers
      r1_x_1 <= r0_x_1;
      r1_x_2 <= r0_x_2;
      r1_v14 <= v14;
      r1_rnn_t0_h_1 <= rnn_t0_h_1;
    end if;
  end process p_s1_rnn_t0_gates_rnn_t0_h;

  p_s2_rnn_t0_h_rnn_t1_gates : process (clk)
    variable rnn_t0_h_0, v24 : signed(5 downto 0);
    variable v20, v21 : signed(6 downto 0);
    variable v22, v25, v26 : signed(7 downto 0);
    variable v23 : signed(8 downto 0);
    variable v27 : signed(9 downto 0);
  begin
    if rising_edge(clk) then
      -- rnn_t0_h: Tanh
      rnn_t0_h_0 := c_tanh_0(to_integer(unsigned(r1_v14)));
      -- rnn_t1_gates: Gemm
      v20 := resize(r1_x_1, 7) + rnn_t0_h_0;
      v21 := resize(r1_x_1, 7) + 12;
      v22 := v20 - shift_left(resize(r1_rnn_t0_h_1, 8), 1);
      v23 := v22 + shift_left(resize(v21, 9), 1);
      v24 := r1_rnn_t0_h_1 - 16;
      v25 := v20 - shift_left(resize(r1_x_1, 8), 2);
      v26 := v24 + shift_left(resize(r1_rnn_t0_h_1, 8), 2);
      v27 := v26 + shift_left(resize(v25, 10), 1);

      -- registers
      r2_x_2 <= r1_x_2;
      r2_v23 <= v23;
      r2_v27 <= v27;
    end if;
  end process p_s2_rnn_t0_h_rnn_t1_gates;

  p_s3_rnn_t1_h : process (clk)
    variable rnn_t1_h_0, rnn_t1_h_1 : signed(5 downto 0);
    variable v32, v36, v37 : signed(7 downto 0);
    variable v31 : signed(8 downto 0);
    variable v35 : signed(10 downto 0);
    variable v30 : signed(11 downto 0);
  begin
    if rising_edge(clk) then
      -- rnn_t1_h: Tanh
      v30 := shift_left(resize(r2_v23, 12), 3) + 4;
      v31 := v30(11 downto 3);
      if v31 < -67 then
        v32 := to_signed(-67, 8);
      elsif v31 > 67 then
        v32 := to_signed(67, 8);
      else
        v32 := v31(7 downto 0);
      end if;
      rnn_t1_h_0 := c_tanh_1(to_integer(unsigned(v32)));
      v35 := shift_left(resize(r2_v27, 11), 1) + 4;
      v36 := v35(10 downto 3);
      if v36 < -67 then
        v37 := to_signed(-67, 8);
      elsif v36 > 67 then
        v37 := to_signed(67, 8);
      else
        v37 := v36;
      end if;
      rnn_t1_h_1 := c_tanh_1(to_integer(unsigned(v37)));

      -- registers
      r3_x_2 <= r2_x_2;
      r3_rnn_t1_h_0 <= rnn_t1_h_0;
      r3_rnn_t1_h_1 <= rnn_t1_h_1;
    end if;
  end process p_s3_rnn_t1_h;

  p_s4_rnn_t2_gates_rnn_t2_h : process (clk)
    variable v44 : signed(5 downto 0);
    variable v40, v41 : signed(6 downto 0);
    variable v42, v45, v46, v56 : signed(7 downto 0);
    variable v43 : signed(8 downto 0);
    variable v47 : signed(9 downto 0);
    variable v55 : signed(10 downto 0);
  begin
    if rising_edge(clk) then
      -- rnn_t2_gates: Gemm
      v40 := resize(r3_x_2, 7) + r3_rnn_t1_h_0;
      v41 := resize(r3_x_2, 7) + 12;
      v42 := v40 - shift_left(resize(r3_rnn_t1_h_1, 8), 1);
      v43 := v42 + shift_left(resize(v41, 9), 1);
      v44 := r3_rnn_t1_h_1 - 16;
      v45 := v40 - shift_left(resize(r3_x_2, 8), 2);
      v46 := v44 + shift_left(resize(r3_rnn_t1_h_1, 8), 2);
      v47 := v46 + shift_left(resize(v45, 10), 1);
      -- rnn_t2_h: Tanh
      v55 := shift_left(resize(v47, 11), 1) + 4;
      v56 := v55(10 downto 3);

      -- registers
      r4_v43 <= v43;
      r4_v56 <= v56;
    end if;
  end process p_s4_rnn_t2_gates_rnn_t2_h;

  p_s5_rnn_t2_h : process (clk)
    variable rnn_t2_h_0, rnn_t2_h_1 : signed(5 downto 0);
    variable v52, v57 : signed(7 downto 0);
    variable v51 : signed(8 downto 0);
    variable v50 : signed(11 downto 0);
  begin
    if rising_edge(clk) then
      -- rnn_t2_h: Tanh
      v50 := shift_left(resize(r4_v43, 12), 3) + 4;
      v51 := v50(11 downto 3);
      if v51 < -67 then
        v52 := to_signed(-67, 8);
      elsif v51 > 67 then
        v52 := to_signed(67, 8);
      else
        v52 := v51(7 downto 0);
      end if;
      rnn_t2_h_0 := c_tanh_1(to_integer(unsigned(v52)));
      if r4_v56 < -67 then
        v57 := to_signed(-67, 8);
      elsif r4_v56 > 67 then
        v57 := to_signed(67, 8);
      else
        v57 := r4_v56;
      end if;
      rnn_t2_h_1 := c_tanh_1(to_integer(unsigned(v57)));

      -- outputs
      out_data(5 downto 0) <= std_logic_vector(rnn_t2_h_0);
      out_data(11 downto 6) <= std_logic_vector(rnn_t2_h_1);
    end if;
  end process p_s5_rnn_t2_h;

end architecture rtl;
