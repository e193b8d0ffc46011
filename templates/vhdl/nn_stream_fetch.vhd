-- SPDX-License-Identifier: Apache-2.0
--
-- Front end of a streamed layer that fetches its operands from a memory: in each of STEPS_G cycles of a position, a word from each port.
--
-- In: frames of ROWS_G rows of ROW_WORDS_G words of WORD_BITS_G bits, a word a beat, into SLOTS_G row slots (nn_stream_rows).
-- Out: for each of OUT_ROWS_G output rows, for each of OUT_COLS_G positions, STEPS_G tokens, back to back:
--   m_step  0 to STEPS_G - 1
--   m_live  '1': of a position. '0': an idle token, m_step 0, any m_data
--   m_last  '1': the first token after a position's last
--   m_data  port 0 lowest: port p has, of entry p * PERIOD_G + (m_step + PHASE_G(p)) mod PERIOD_G of ORDER_*_G, input row
--           ROW_FIRST_G + output row * ROW_STEP_G + ORDER_ROW_G(entry), of it word WORD_FIRST_G + position * WORD_STEP_G +
--           ORDER_WORD_G(entry); PAD_G where that is outside of the frame
-- An output row begins when the rows that it reads are written. While no position can follow a position, up to FLUSH_G idle tokens do: what
-- is behind finishes the position with them.
--
-- IDENTITY_G: word i at step i from PERIOD_G words, on every port: a counter instead of a table; ORDER_*_G and PHASE_G are not read.
--
-- m_ready is a clock enable: at an edge with m_ready = '0' all that reads stands still, with or without m_valid. Writing does not.
-- Latency: the first token is at the outputs after the 4th rising edge, the one that takes the last beat it waits for being the 1st.
-- Slots of rows that no position needs any more are free for beats after the edge that puts the output row's last token at the outputs.
--
-- Stages: counters, (a) order table, (b) addresses, (c) memory. The tables and memories of the ports are registered reads.
-- rst (synchronous, active high) clears control only: no token under way, an empty memory.
library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;

library work;
  use work.nn_stream_pkg.all;

entity nn_stream_fetch is
  generic (
    WORD_BITS_G  : positive;
    ROWS_G       : positive;
    ROW_WORDS_G  : positive;
    SLOTS_G      : positive;
    OUT_ROWS_G   : positive;
    OUT_COLS_G   : positive;
    ROW_FIRST_G  : integer;
    ROW_STEP_G   : natural;
    ROW_SPAN_G   : positive;
    WORD_FIRST_G : integer;
    WORD_STEP_G  : natural;
    STEPS_G      : positive;
    FLUSH_G      : natural;
    PORTS_G      : positive;
    PERIOD_G     : positive;
    IDENTITY_G   : boolean;
    PHASE_G      : t_nn_naturals;    -- 0 to PORTS_G - 1
    ORDER_ROW_G  : t_nn_naturals;    -- 0 to PORTS_G * PERIOD_G - 1
    ORDER_WORD_G : t_nn_naturals;
    PAD_G        : std_logic_vector  -- WORD_BITS_G - 1 downto 0
  );
  port (
    clk     : in  std_logic;
    rst     : in  std_logic;
    s_valid : in  std_logic;
    s_ready : out std_logic;
    s_data  : in  std_logic_vector(WORD_BITS_G - 1 downto 0);
    m_valid : out std_logic;
    m_ready : in  std_logic;
    m_step  : out std_logic_vector(nn_bits(STEPS_G - 1) - 1 downto 0);
    m_live  : out std_logic;
    m_last  : out std_logic;
    m_data  : out std_logic_vector(PORTS_G * WORD_BITS_G - 1 downto 0)
  );
end entity nn_stream_fetch;

architecture rtl of nn_stream_fetch is

  constant C_STEP_BITS : positive := nn_bits(STEPS_G - 1);
  constant C_DEPTH     : positive := nn_depth(SLOTS_G, ROW_WORDS_G);
  constant C_ROW_LAST  : integer  := ROW_FIRST_G + (OUT_ROWS_G - 1) * ROW_STEP_G;
  constant C_WORD_LAST : integer  := WORD_FIRST_G + (OUT_COLS_G - 1) * WORD_STEP_G;

  subtype t_row is integer range ROW_FIRST_G to ROW_FIRST_G + nn_top(C_ROW_LAST - ROW_FIRST_G);
  subtype t_word is integer range WORD_FIRST_G to WORD_FIRST_G + nn_top(C_WORD_LAST - WORD_FIRST_G); -- of a position's first word
  subtype t_step is natural range 0 to nn_top(STEPS_G - 1);
  subtype t_turn is natural range 0 to nn_top(PERIOD_G - 1);

  -- What goes along with a token.
  type t_token is record
    valid : std_logic;
    live  : std_logic;
    last  : std_logic;
    step  : std_logic_vector(C_STEP_BITS - 1 downto 0);
  end record;

  constant C_NO_TOKEN : t_token := ('0', '0', '0', (others => '0'));

  signal ce : std_logic;

  -- rows
  signal w_enable  : std_logic;
  signal w_address : natural range 0 to nn_top(C_DEPTH - 1);
  signal there     : std_logic;
  signal row       : t_row;
  signal row_slot  : natural range 0 to nn_top(SLOTS_G - 1);
  signal row_frees : natural range 0 to 2 * ROWS_G;
  signal row_next  : std_logic;
  signal row_free  : natural range 0 to 2 * ROWS_G;

  -- the next token
  signal step     : t_step;
  signal turn     : t_turn;    -- step modulo PERIOD_G
  signal word     : t_word;
  signal idle     : natural range 0 to nn_top(FLUSH_G); -- idle tokens that may come still
  signal owes     : std_logic; -- the last token was a position's last
  signal inside   : std_logic; -- in an output row that has begun
  signal goes     : std_logic; -- a position's token
  signal ends     : std_logic; -- the last one of a position

  -- behind the order table, the addresses, the memory
  signal a_token, b_token, c_token : t_token;
  signal a_row                     : t_row;
  signal a_slot                    : natural range 0 to nn_top(SLOTS_G - 1);
  signal a_word                    : t_word;
  signal a_frees, b_frees          : natural range 0 to 2 * ROWS_G;

begin

  assert PAD_G'length = WORD_BITS_G
    report "nn_stream_fetch: PAD_G is no word"
    severity failure;
  assert IDENTITY_G or (ORDER_ROW_G'length = PORTS_G * PERIOD_G and ORDER_WORD_G'length = PORTS_G * PERIOD_G and PHASE_G'length = PORTS_G)
    report "nn_stream_fetch: ORDER_ROW_G, ORDER_WORD_G or PHASE_G is too short or too long"
    severity failure;

  ce <= m_ready;

  u_rows : entity work.nn_stream_rows
    generic map (
      ROWS_G      => ROWS_G,
      ROW_WORDS_G => ROW_WORDS_G,
      SLOTS_G     => SLOTS_G,
      OUT_ROWS_G  => OUT_ROWS_G,
      ROW_FIRST_G => ROW_FIRST_G,
      ROW_STEP_G  => ROW_STEP_G,
      ROW_SPAN_G  => ROW_SPAN_G
    )
    port map (
      clk       => clk,
      rst       => rst,
      s_valid   => s_valid,
      s_ready   => s_ready,
      w_enable  => w_enable,
      w_address => w_address,
      r_there   => there,
      r_row     => row,
      r_slot    => row_slot,
      r_frees   => row_frees,
      r_next    => row_next,
      r_free    => row_free
    );

  goes     <= inside or there;
  ends     <= '1' when step = STEPS_G - 1 else '0';
  row_next <= ce and goes and ends when word = C_WORD_LAST else '0';
  row_free <= b_frees when ce = '1' else 0; -- 0 where there is no token

  p_counters : process (clk)
    variable v_idle : std_logic;
  begin
    if rising_edge(clk) then
      if ce = '1' then
        v_idle := '0';
        if goes = '0' and idle /= 0 then
          v_idle := '1';
        end if;

        a_token.valid <= goes or v_idle;
        a_token.live  <= goes;
        a_token.last  <= owes;
        a_token.step  <= std_logic_vector(to_unsigned(step, C_STEP_BITS));
        a_row         <= row;
        a_slot        <= row_slot;
        a_word        <= word;
        a_frees       <= 0;

        if v_idle = '1' then
          idle <= idle - 1;
          owes <= '0';
        elsif goes = '1' and ends = '1' then
          step <= 0;
          turn <= 0;
          owes <= '1';
          idle <= FLUSH_G;
          if word = C_WORD_LAST then
            word    <= WORD_FIRST_G;
            inside  <= '0';
            a_frees <= row_frees;
          else
            word   <= word + WORD_STEP_G;
            inside <= '1';
          end if;
        elsif goes = '1' then
          step   <= step + 1;
          owes   <= '0';
          inside <= '1';
          if turn = PERIOD_G - 1 then
            turn <= 0;
          else
            turn <= turn + 1;
          end if;
        end if;
      end if;

      if rst = '1' then
        a_token  <= C_NO_TOKEN;
        a_frees  <= 0;
        step     <= 0;
        turn     <= 0;
        word     <= WORD_FIRST_G;
        idle     <= 0;
        owes     <= '0';
        inside   <= '0';
      end if;
    end if;
  end process p_counters;

  p_tokens : process (clk)
  begin
    if rising_edge(clk) then
      if ce = '1' then
        b_token <= a_token;
        b_frees <= a_frees;
        c_token <= b_token;
      end if;
      if rst = '1' then
        b_token <= C_NO_TOKEN;
        b_frees <= 0;
        c_token <= C_NO_TOKEN;
      end if;
    end if;
  end process p_tokens;

  m_valid <= c_token.valid;
  m_live  <= c_token.live;
  m_last  <= c_token.last;
  m_step  <= c_token.step;

  g_port : for p in 0 to PORTS_G - 1 generate

    -- The port's part of the order, from its first step on: the slot and the row it is `row` rows after the position's first, and the word.
    type t_numbers is array (0 to PERIOD_G - 1) of natural;

    function numbers_of (order : t_nn_naturals) return t_numbers is
      variable n : t_numbers;
    begin
      for i in 0 to PERIOD_G - 1 loop
        n(i) := order(order'low + p * PERIOD_G + (i + PHASE_G(PHASE_G'low + p)) mod PERIOD_G);
      end loop;
      return n;
    end function numbers_of;

    function rows_of (identity : boolean) return t_numbers is
      variable n : t_numbers := (others => 0);
    begin
      if not identity then
        n := numbers_of(ORDER_ROW_G);
      end if;
      return n;
    end function rows_of;

    function words_of (identity : boolean) return t_numbers is
      variable n : t_numbers;
    begin
      if not identity then
        return numbers_of(ORDER_WORD_G);
      end if;
      for i in n'range loop
        n(i) := i;
      end loop;
      return n;
    end function words_of;

    function least (n : t_numbers) return natural is
      variable m : natural := n(0);
    begin
      for i in n'range loop
        if n(i) < m then
          m := n(i);
        end if;
      end loop;
      return m;
    end function least;

    function most (n : t_numbers) return natural is
      variable m : natural := n(0);
    begin
      for i in n'range loop
        if n(i) > m then
          m := n(i);
        end if;
      end loop;
      return m;
    end function most;

    constant C_ROW      : t_numbers := rows_of(IDENTITY_G);
    constant C_WORD     : t_numbers := words_of(IDENTITY_G);
    constant C_MOST_ROW : natural   := most(C_ROW);
    constant C_MOST     : natural   := most(C_WORD);
    -- whether any of its words is outside of the frame
    constant C_PADS_ROW : boolean := ROW_FIRST_G + least(C_ROW) < 0 or C_ROW_LAST + C_MOST_ROW >= ROWS_G;
    constant C_PADS     : boolean := WORD_FIRST_G + least(C_WORD) < 0 or C_WORD_LAST + C_MOST >= ROW_WORDS_G;

    type t_slots is array (0 to nn_top(C_MOST_ROW)) of natural range 0 to nn_top(SLOTS_G - 1);

    function slots_of (slots : positive) return t_slots is
      variable s : t_slots;
    begin
      for i in s'range loop
        s(i) := i mod slots;
      end loop;
      return s;
    end function slots_of;

    constant C_SLOTS     : t_slots  := slots_of(SLOTS_G);
    constant C_ROW_BITS  : positive := nn_bits(C_MOST_ROW);
    constant C_WORD_BITS : positive := nn_bits(C_MOST);

    type t_table is array (0 to nn_top(PERIOD_G - 1)) of std_logic_vector(C_ROW_BITS + C_WORD_BITS - 1 downto 0);

    function table_of (rows : t_numbers; words : t_numbers) return t_table is
      variable t : t_table := (others => (others => '0'));
    begin
      for i in rows'range loop
        t(i) := std_logic_vector(to_unsigned(rows(i), C_ROW_BITS) & to_unsigned(words(i), C_WORD_BITS));
      end loop;
      return t;
    end function table_of;

    signal a_add_row  : natural range 0 to nn_top(C_MOST_ROW);
    signal a_add_word : natural range 0 to nn_top(C_MOST);
    signal b_address  : natural range 0 to nn_top(C_DEPTH - 1);
    signal b_outside  : std_logic;
    signal c_outside  : std_logic;
    signal c_data     : std_logic_vector(WORD_BITS_G - 1 downto 0);
    signal read       : std_logic;

  begin

    g_counter : if IDENTITY_G generate
      a_add_row <= 0;

      p_order : process (clk)
      begin
        if rising_edge(clk) then
          if ce = '1' then
            a_add_word <= turn;
          end if;
        end if;
      end process p_order;

    end generate g_counter;

    g_table : if not IDENTITY_G generate
      constant C_TABLE : t_table := table_of(C_ROW, C_WORD);
      signal entry     : std_logic_vector(C_ROW_BITS + C_WORD_BITS - 1 downto 0) := (others => '0');
    begin

      p_order : process (clk)
      begin
        if rising_edge(clk) then
          if ce = '1' then
            entry <= C_TABLE(turn);
          end if;
        end if;
      end process p_order;

      a_add_row  <= to_integer(unsigned(entry(C_ROW_BITS + C_WORD_BITS - 1 downto C_WORD_BITS)));
      a_add_word <= to_integer(unsigned(entry(C_WORD_BITS - 1 downto 0)));
    end generate g_table;

    p_address : process (clk)
      variable v_slot : natural range 0 to nn_top(SLOTS_G - 1);
      variable v_row  : integer range ROW_FIRST_G to C_ROW_LAST + nn_top(C_MOST_ROW);
      variable v_word : integer range WORD_FIRST_G to C_WORD_LAST + nn_top(C_MOST);
    begin
      if rising_edge(clk) then
        if ce = '1' then
          v_slot    := nn_add_mod(a_slot, C_SLOTS(a_add_row), SLOTS_G);
          v_row     := a_row + a_add_row;
          v_word    := a_word + a_add_word;
          b_address <= nn_address(v_slot, v_word, SLOTS_G, ROW_WORDS_G);
          b_outside <= '0';
          if C_PADS_ROW and (v_row < 0 or v_row >= ROWS_G) then
            b_outside <= '1';
          end if;
          if C_PADS and (v_word < 0 or v_word >= ROW_WORDS_G) then
            b_outside <= '1';
          end if;
          c_outside <= b_outside;
        end if;
      end if;
    end process p_address;

    read <= ce and b_token.valid;

    u_ram : entity work.nn_stream_ram
      generic map (
        WIDTH_G => WORD_BITS_G,
        DEPTH_G => C_DEPTH
      )
      port map (
        clk       => clk,
        w_enable  => w_enable,
        w_address => w_address,
        w_data    => s_data,
        r_enable  => read,
        r_address => b_address,
        r_data    => c_data
      );

    m_data((p + 1) * WORD_BITS_G - 1 downto p * WORD_BITS_G) <= PAD_G when c_outside = '1' else c_data;
  end generate g_port;

end architecture rtl;
