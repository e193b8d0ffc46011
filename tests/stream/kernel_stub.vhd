-- SPDX-License-Identifier: Apache-2.0
--
-- What a kernel is to the control of a stream: LATENCY_G registers with a common clock enable, and which tokens give a beat. EMITS_G: by
-- step, whether a live one does; LATE_G: whether the i-th token after a position's last one does, i < FLUSH_G. VHDL-2008.
library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;

library work;
  use work.nn_stream_pkg.all;

entity kernel_stub is
  generic (
    LATENCY_G   : positive;
    STEP_BITS_G : positive;
    FLUSH_G     : natural;
    EMITS_G     : t_nn_naturals;
    LATE_G      : t_nn_naturals -- 0 to FLUSH_G, the last one unused
  );
  port (
    clk      : in  std_logic;
    rst      : in  std_logic;
    ce       : in  std_logic;
    in_valid : in  std_logic;
    in_step  : in  std_logic_vector(STEP_BITS_G - 1 downto 0);
    in_live  : in  std_logic;
    in_last  : in  std_logic;
    out_beat : out std_logic
  );
end entity kernel_stub;

architecture bench of kernel_stub is

  signal beat : std_logic_vector(1 to LATENCY_G);

begin

  p_kernel : process (clk)
    variable v_age  : natural;
    variable v_beat : std_logic;
  begin
    if rising_edge(clk) then
      if ce = '1' then
        v_beat := '0';
        if in_valid = '1' then
          if in_last = '1' then
            v_age := 0;
          elsif v_age < FLUSH_G then
            v_age := v_age + 1;
          end if;
          if (in_live = '1' and EMITS_G(to_integer(unsigned(in_step))) = 1) or (v_age < FLUSH_G and LATE_G(v_age) = 1) then
            v_beat := '1';
          end if;
        end if;
        beat <= v_beat & beat(1 to LATENCY_G - 1);
      end if;
      if rst = '1' then
        v_age := FLUSH_G;
        beat  <= (others => '0');
      end if;
    end if;
  end process p_kernel;

  out_beat <= beat(LATENCY_G);

end architecture bench;
