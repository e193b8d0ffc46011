-- SPDX-License-Identifier: Apache-2.0
--
-- Feeds one streaming unit with numbered beats, with or without random stalls on both sides, and writes down what happens at which rising
-- edge, counted from the end of the reset: "i EDGE" for a beat taken, "t EDGE STEP LIVE LAST DATA" for a token given. stream_units.c draws
-- the same stalls and compares. Ends after 600 edges at which nothing happened. Junk goes through the unit before its reset. VHDL-2008.
library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;

library std;
  use std.textio.all;

library work;
  use work.nn_tb_pkg.all;

entity harness is
  generic (
    LOG_G       : string;
    BEATS_G     : positive;
    STALLS_G    : boolean;
    SEED_G      : positive;
    WORD_BITS_G : positive;
    STEP_BITS_G : positive;
    DATA_BITS_G : positive
  );
  port (
    clk     : out std_logic;
    rst     : out std_logic;
    s_valid : out std_logic;
    s_ready : in  std_logic;
    s_data  : out std_logic_vector(WORD_BITS_G - 1 downto 0);
    m_valid : in  std_logic;
    m_ready : out std_logic;
    m_step  : in  std_logic_vector(STEP_BITS_G - 1 downto 0);
    m_live  : in  std_logic;
    m_last  : in  std_logic;
    m_data  : in  std_logic_vector(DATA_BITS_G - 1 downto 0)
  );
end entity harness;

architecture bench of harness is

  signal clock   : std_logic := '0';
  signal running : boolean   := true;

begin

  clk   <= clock;
  clock <= not clock after 5 ns when running else '0';

  p_main : process
    file f                : text;
    variable l            : line;
    variable seed         : unsigned(31 downto 0) := to_unsigned(SEED_G, 32);
    variable number       : natural;
    variable s_mode       : natural := 0;
    variable m_mode       : natural := 0;
    variable beat         : natural := 0;
    variable edge         : natural := 0;
    variable idle         : natural := 0;

    impure function stalls (mode : natural; n : natural) return boolean is
    begin
      case mode is
        when 1 => return n mod 2 = 0;
        when 2 => return n mod 8 /= 0;
        when 3 => return n mod 4 = 0;
        when others => return false;
      end case;
    end function stalls;

  begin
    rst     <= '1';
    s_valid <= '0';
    m_ready <= '0';
    s_data  <= (others => '1');
    wait until rising_edge(clk);
    rst     <= '0';
    s_valid <= '1';
    m_ready <= '1';
    for i in 1 to SEED_G mod 101 loop
      wait until rising_edge(clk);
    end loop;
    rst <= '1';
    wait until rising_edge(clk);
    rst <= '0';

    file_open(f, LOG_G, write_mode);
    while idle < 600 loop
      s_valid <= '0';
      m_ready <= '1';
      s_data  <= (others => 'X');
      number  := 1;
      if STALLS_G then
        if edge mod 32 = 0 then
          next_random(seed, number);
          s_mode := number mod 4;
          m_mode := number / 4 mod 4;
        end if;
        next_random(seed, number);
        if stalls(m_mode, number / 256) then
          m_ready <= '0';
        end if;
      end if;
      if beat < BEATS_G and not (STALLS_G and stalls(s_mode, number)) then
        s_valid <= '1';
        s_data  <= std_logic_vector(to_unsigned(beat, WORD_BITS_G));
      end if;
      wait until rising_edge(clk);
      idle := idle + 1;
      if s_valid = '1' and s_ready = '1' then
        write(l, "i " & integer'image(edge));
        writeline(f, l);
        beat := beat + 1;
        idle := 0;
      end if;
      if m_valid = '1' and m_ready = '1' then
        write(l, "t " & integer'image(edge) & " " & integer'image(to_integer(unsigned(m_step))) & " " & to_string(m_live) & " " &
              to_string(m_last) & " " & to_hstring(m_data));
        writeline(f, l);
        idle := 0;
      end if;
      if is_x(m_valid) or is_x(s_ready) then
        write(l, string'("x"));
        writeline(f, l);
      end if;
      edge := edge + 1;
    end loop;
    file_close(f);
    running <= false;
    wait;
  end process p_main;

end architecture bench;
