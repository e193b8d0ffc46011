-- SPDX-License-Identifier: Apache-2.0
--
-- First-in first-out buffer of DEPTH_G words between two units of a streamed network.
--
-- A word passes at a rising edge where valid and ready of its side are both '1'. One that is written at an edge into an empty buffer is at
-- m_data, with m_valid, after that edge; a word in every cycle. s_ready and m_valid are registers: no path leads from one side to the
-- other, so a full buffer takes a word in the cycle after one has left. Both kinds of memory behave alike:
--   DEPTH_G <= 64: LUT RAM, read asynchronously
--   above:         block RAM, read ahead into its output register; a word written into an empty buffer goes around it
-- rst (synchronous, active high) empties the buffer.
library ieee;
  use ieee.std_logic_1164.all;

entity nn_stream_fifo is
  generic (
    WIDTH_G : positive;
    DEPTH_G : positive -- 2 at least
  );
  port (
    clk     : in  std_logic;
    rst     : in  std_logic;
    s_valid : in  std_logic;
    s_ready : out std_logic;
    s_data  : in  std_logic_vector(WIDTH_G - 1 downto 0);
    m_valid : out std_logic;
    m_ready : in  std_logic;
    m_data  : out std_logic_vector(WIDTH_G - 1 downto 0)
  );
end entity nn_stream_fifo;

architecture rtl of nn_stream_fifo is

  constant C_MOST_LUT : positive := 64;

  signal count      : natural range 0 to DEPTH_G;
  signal head, tail : natural range 0 to DEPTH_G - 1; -- addresses of the next word to read, to write
  signal head_next  : natural range 0 to DEPTH_G - 1;
  signal some, room : std_logic;                      -- registers: count > 0, count < DEPTH_G
  signal push, pop  : std_logic;

  function next_address (a : natural) return natural is
  begin
    if a = DEPTH_G - 1 then
      return 0;
    end if;
    return a + 1;
  end function next_address;

begin

  assert DEPTH_G >= 2
    report "nn_stream_fifo: DEPTH_G must be 2 at least"
    severity failure;

  s_ready   <= room;
  m_valid   <= some;
  push      <= s_valid and room;
  pop       <= m_ready and some;
  head_next <= next_address(head) when pop = '1' else head;

  p_count : process (clk)
    variable v_count : natural range 0 to DEPTH_G;
  begin
    if rising_edge(clk) then
      v_count := count;
      if push = '1' and pop = '0' then
        v_count := count + 1;
      elsif push = '0' and pop = '1' then
        v_count := count - 1;
      end if;
      if push = '1' then
        tail <= next_address(tail);
      end if;
      head  <= head_next;
      count <= v_count;
      some  <= '1';
      room  <= '1';
      if v_count = 0 then
        some <= '0';
      end if;
      if v_count = DEPTH_G then
        room <= '0';
      end if;
      if rst = '1' then
        count <= 0;
        head  <= 0;
        tail  <= 0;
        some  <= '0';
        room  <= '1';
      end if;
    end if;
  end process p_count;

  g_lut : if DEPTH_G <= C_MOST_LUT generate
    type t_memory is array (0 to DEPTH_G - 1) of std_logic_vector(WIDTH_G - 1 downto 0);
    signal memory : t_memory;
  begin

    p_memory : process (clk)
    begin
      if rising_edge(clk) then
        if push = '1' then
          memory(tail) <= s_data;
        end if;
      end if;
    end process p_memory;

    m_data <= memory(head);
  end generate g_lut;

  g_block : if DEPTH_G > C_MOST_LUT generate
    signal ahead, newest : std_logic_vector(WIDTH_G - 1 downto 0);
    signal around        : std_logic;
  begin

    u_ram : entity work.nn_stream_ram
      generic map (
        WIDTH_G => WIDTH_G,
        DEPTH_G => DEPTH_G
      )
      port map (
        clk       => clk,
        w_enable  => push,
        w_address => tail,
        w_data    => s_data,
        r_enable  => '1',
        r_address => head_next,
        r_data    => ahead
      );

    p_around : process (clk)
    begin
      if rising_edge(clk) then
        newest <= s_data;
        around <= '0';
        if push = '1' and tail = head_next then
          around <= '1';
        end if;
      end if;
    end process p_around;

    m_data <= newest when around = '1' else ahead;
  end generate g_block;

end architecture rtl;
