-- SPDX-License-Identifier: Apache-2.0
--
-- Front end of a streamed layer that sees a window: all operands of a position in registers, for STEPS_G cycles.
--
-- In: frames of ROWS_G rows of ROW_WORDS_G words of WORD_BITS_G bits, a word a beat, into SLOTS_G row slots (nn_stream_rows).
-- Out: for each of OUT_ROWS_G output rows, for each of OUT_COLS_G positions, STEPS_G tokens:
--   m_step  0 to STEPS_G - 1
--   m_live  '1': of a position. '0': an idle token, m_step 0, any m_data
--   m_last  '1': the first token after a position's last
--   m_data  KERNEL_ROWS_G x KERNEL_WORDS_G x TAP_WORDS_G words, number ((y * KERNEL_WORDS_G) + x) * TAP_WORDS_G + b lowest first: input row
--           ROW_FIRST_G + output row * ROW_STEP_G + y * ROW_DILATION_G, of it word WORD_FIRST_G + position * WORD_STEP_G +
--           x * WORD_DILATION_G + b; PAD_G where that is outside of the frame
-- The words of a row are read one a cycle into shift registers, a row of the window each; between positions WORD_STEP_G words are shifted
-- in. A position stands still for its steps: in the shift registers themselves, or, where STEPS_G and the words between positions are both
-- above 1, in registers of its own behind them, while the next position is shifted in: it costs max(STEPS_G, WORD_STEP_G) cycles.
-- The last positions of a row, which reach into the padding behind it, are made while the next row's first words are shifted in: an output
-- row costs max(words read, (OUT_COLS_G - 1) * WORD_STEP_G + 1) shifts. When no row is there, what is still owed is made with idle words.
-- While no position can follow a position, up to FLUSH_G idle tokens do: what is behind finishes the position with them.
--
-- m_ready is a clock enable: at an edge with m_ready = '0' all that reads stands still, with or without m_valid. Writing does not.
-- Latency: after the 3rd rising edge the row's first word is in the shift registers, the one that takes the last beat of the rows it waits
-- for being the 1st; a complete position's first token is at the outputs then, or one edge later where positions have registers of their
-- own. The slots of rows that no position needs any more are free for beats after the edge that reads the row's last word.
--
-- Stages: counters, (c) memory, (d) shift registers, maybe those of the position. rst (synchronous, active high) clears control only.
library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;

library work;
  use work.nn_stream_pkg.all;

entity nn_stream_window is
  generic (
    WORD_BITS_G     : positive;
    ROWS_G          : positive;
    ROW_WORDS_G     : positive;
    SLOTS_G         : positive;
    OUT_ROWS_G      : positive;
    OUT_COLS_G      : positive;
    ROW_FIRST_G     : integer;
    ROW_STEP_G      : natural;
    KERNEL_ROWS_G   : positive;
    ROW_DILATION_G  : natural;
    WORD_FIRST_G    : integer;
    WORD_STEP_G     : natural;
    KERNEL_WORDS_G  : positive;
    WORD_DILATION_G : natural;
    TAP_WORDS_G     : positive;
    STEPS_G         : positive;
    FLUSH_G         : natural;
    PAD_G           : std_logic_vector -- WORD_BITS_G - 1 downto 0
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
    m_data  : out std_logic_vector(KERNEL_ROWS_G * KERNEL_WORDS_G * TAP_WORDS_G * WORD_BITS_G - 1 downto 0)
  );
end entity nn_stream_window;

architecture rtl of nn_stream_window is

  constant C_DEPTH    : positive := nn_depth(SLOTS_G, ROW_WORDS_G);
  constant C_ROW_LAST : integer  := ROW_FIRST_G + (OUT_ROWS_G - 1) * ROW_STEP_G;

  -- The window along a row, in words. A shift register holds C_WIDTH words; position p is in it when its newest word is C_NEWEST + p *
  -- WORD_STEP_G. Words C_LOW to C_HIGH are read, then idle words until the next row may begin: C_READ words and C_PITCH shifts a row.
  constant C_WIDTH  : positive := (KERNEL_WORDS_G - 1) * WORD_DILATION_G + TAP_WORDS_G;
  constant C_STRIDE : positive := nn_top(WORD_STEP_G);
  constant C_TRAVEL : natural  := (OUT_COLS_G - 1) * WORD_STEP_G; -- shifts from a row's first position to its last
  constant C_NEWEST : integer  := WORD_FIRST_G + C_WIDTH - 1;
  constant C_LOW    : integer  := nn_clip(nn_clip(WORD_FIRST_G, 0, integer'high), integer'low, C_NEWEST);
  constant C_HIGH   : integer  := nn_clip(nn_clip(C_NEWEST + C_TRAVEL, integer'low, ROW_WORDS_G - 1), C_LOW, integer'high);
  constant C_READ   : positive := C_HIGH - C_LOW + 1;
  constant C_PITCH  : positive := nn_clip(C_READ, C_TRAVEL + 1, integer'high);
  constant C_DELAY  : natural  := C_NEWEST - C_LOW;               -- shifts from a row's first word to its first position
  constant C_TAIL   : natural  := C_DELAY + C_TRAVEL;             -- shifts from a row's first word to its last position

  -- Whether a position has registers of its own.
  constant C_HOLD : boolean := STEPS_G > 1 and ((OUT_COLS_G > 1 and WORD_STEP_G > 1) or (OUT_COLS_G = 1 and C_READ > 1));

  -- All words of a tap are outside of the row or none is.
  constant C_ALIGNED : boolean := WORD_FIRST_G mod TAP_WORDS_G = 0 and WORD_STEP_G mod TAP_WORDS_G = 0 and ROW_WORDS_G mod TAP_WORDS_G = 0 and
                                  WORD_DILATION_G mod TAP_WORDS_G = 0;

  -- Masks of a tap: words b of tap x share number x * C_MASKS + b mod C_MASKS.
  function masks_of (aligned : boolean) return positive is
  begin
    if aligned then
      return 1;
    end if;
    return TAP_WORDS_G;
  end function masks_of;

  constant C_MASKS : positive := masks_of(C_ALIGNED);

  -- rows
  signal w_enable  : std_logic;
  signal w_address : natural range 0 to nn_top(C_DEPTH - 1);
  signal there     : std_logic;
  signal row       : integer range ROW_FIRST_G to ROW_FIRST_G + nn_top(C_ROW_LAST - ROW_FIRST_G);
  signal row_slot  : natural range 0 to nn_top(SLOTS_G - 1);
  signal row_frees : natural range 0 to 2 * ROWS_G;
  signal row_next  : std_logic;
  signal row_free  : natural range 0 to 2 * ROWS_G;

  -- the next word to read
  signal place  : natural range 0 to nn_top(C_PITCH - 1); -- word C_LOW + place of the row, or idle
  signal tail   : natural range 0 to nn_top(C_TAIL);      -- shifts until no position is owed
  signal begins : std_logic;                      -- the row's first word
  signal issue  : std_logic;
  signal load_c : std_logic;

  -- behind the memory
  signal c_valid, c_begins : std_logic;
  signal c_word            : std_logic_vector(KERNEL_ROWS_G * WORD_BITS_G - 1 downto 0); -- row 0 lowest

  -- the shift registers' position
  signal shift    : std_logic;                                       -- they take a word
  signal delay    : std_logic_vector(0 to C_DELAY);                  -- (0): now; rows that have begun, but not their first position
  signal first    : std_logic;                                       -- the next shift brings a row's first position,
  signal brings   : std_logic;                                       -- or any position
  signal moving   : std_logic;                                       -- between a row's first position and its last
  signal travel   : natural range 0 to nn_top(C_TRAVEL);             -- shifts since the first
  signal between  : natural range 0 to nn_top(C_STRIDE - 1); -- shifts since a position
  signal outside  : std_logic_vector(0 to KERNEL_WORDS_G * C_MASKS - 1); -- masks: of the row
  signal d_valid  : std_logic;
  signal d_live   : std_logic;
  signal d_last   : std_logic;
  signal d_step   : natural range 0 to nn_top(STEPS_G - 1);
  signal idle     : natural range 0 to nn_top(FLUSH_G); -- idle tokens that may come still, were d_* not the last of a position
  signal owes     : std_logic; -- a position's last token was the one before d_*
  signal full     : std_logic; -- the shift registers hold a position that d_* has not begun; '1' if nothing holds it but they
  signal comes    : std_logic; -- the next token can be a position's first
  signal window   : std_logic_vector(KERNEL_ROWS_G * KERNEL_WORDS_G * TAP_WORDS_G * WORD_BITS_G - 1 downto 0);
  signal stays    : std_logic; -- a position has steps left
  signal ends     : std_logic; -- it has not

begin

  assert PAD_G'length = WORD_BITS_G and (OUT_COLS_G = 1 or WORD_STEP_G > 0)
    report "nn_stream_window: PAD_G is no word, or WORD_STEP_G is 0"
    severity failure;

  u_rows : entity work.nn_stream_rows
    generic map (
      ROWS_G      => ROWS_G,
      ROW_WORDS_G => ROW_WORDS_G,
      SLOTS_G     => SLOTS_G,
      OUT_ROWS_G  => OUT_ROWS_G,
      ROW_FIRST_G => ROW_FIRST_G,
      ROW_STEP_G  => ROW_STEP_G,
      ROW_SPAN_G  => (KERNEL_ROWS_G - 1) * ROW_DILATION_G + 1
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

  begins   <= there when place = 0 else '0';
  issue    <= '1' when place /= 0 or there = '1' or tail /= 0 else '0';
  load_c   <= m_ready and (shift or not c_valid);
  row_next <= load_c when place = C_READ - 1 and (place /= 0 or there = '1') else '0';
  row_free <= row_frees when row_next = '1' else 0;

  p_counters : process (clk)
  begin
    if rising_edge(clk) then
      if load_c = '1' then
        c_valid  <= issue;
        c_begins <= begins;
        if begins = '1' then
          tail <= C_TAIL;
        elsif tail /= 0 then
          tail <= tail - 1;
        end if;
        if place = C_PITCH - 1 then
          if C_PITCH > 1 then
            place <= 0;
          end if;
        elsif place /= 0 or begins = '1' then
          place <= place + 1;
        end if;
      end if;
      if rst = '1' then
        c_valid  <= '0';
        c_begins <= '0';
        tail     <= 0;
        place    <= 0;
      end if;
    end if;
  end process p_counters;

  delay(0) <= c_begins;
  first    <= delay(C_DELAY);
  brings   <= '1' when first = '1' or (moving = '1' and between = C_STRIDE - 1) else '0';
  stays    <= '1' when d_valid = '1' and d_live = '1' and d_step /= STEPS_G - 1 else '0';
  ends     <= d_valid and d_live and not stays;
  shift    <= m_ready and c_valid and not (stays and full);

  p_position : process (clk)
    variable v_idle : natural range 0 to nn_top(FLUSH_G);
    variable v_owes : std_logic;
  begin
    if rising_edge(clk) then
      if shift = '1' then
        if C_DELAY > 0 then
          delay(1 to C_DELAY) <= delay(0 to C_DELAY - 1);
        end if;
        if first = '1' then
          moving  <= '1';
          travel  <= 0;
          between <= 0;
          if C_TRAVEL = 0 then
            moving <= '0';
          end if;
        elsif moving = '1' then
          travel <= travel + 1;
          if travel = C_TRAVEL - 1 then
            moving <= '0';
          end if;
          if brings = '1' then
            between <= 0;
          else
            between <= between + 1;
          end if;
        end if;
      end if;

      if m_ready = '1' then
        v_idle := idle;
        if ends = '1' then
          v_idle := FLUSH_G;
        end if;
        v_owes := owes or ends;
        d_last <= v_owes;
        if stays = '1' then
          d_step <= d_step + 1;
        elsif comes = '1' then
          d_valid <= '1';
          d_live  <= '1';
          d_step  <= 0;
          v_owes  := '0';
        elsif v_idle /= 0 then
          d_valid <= '1';
          d_live  <= '0';
          d_step  <= 0;
          v_idle  := v_idle - 1;
          v_owes  := '0';
        else
          d_valid <= '0';
        end if;
        idle <= v_idle;
        owes <= v_owes;
      end if;

      if rst = '1' then
        if C_DELAY > 0 then
          delay(1 to C_DELAY) <= (others => '0');
        end if;
        moving  <= '0';
        travel  <= 0;
        between <= 0;
        d_valid <= '0';
        d_live  <= '0';
        d_last  <= '0';
        d_step  <= 0;
        idle    <= 0;
        owes    <= '0';
      end if;
    end if;
  end process p_position;

  p_outside : process (clk)
    variable v_travel : natural range 0 to nn_top(C_TRAVEL) + 1;
    variable v_word   : integer;
  begin
    if rising_edge(clk) then
      if shift = '1' then
        v_travel := travel + 1;
        if first = '1' then
          v_travel := 0;
        end if;
        for x in 0 to KERNEL_WORDS_G - 1 loop
          for b in 0 to C_MASKS - 1 loop
            v_word                 := WORD_FIRST_G + x * WORD_DILATION_G + b; -- of a row's first position
            outside(x * C_MASKS + b) <= '0';
            if (v_word < 0 and v_travel < -v_word) or (v_word + C_TRAVEL >= ROW_WORDS_G and v_travel >= ROW_WORDS_G - v_word) then
              outside(x * C_MASKS + b) <= '1';
            end if;
          end loop;
        end loop;
      end if;
    end if;
  end process p_outside;

  m_valid <= d_valid;
  m_live  <= d_live;
  m_last  <= d_last;
  m_step  <= std_logic_vector(to_unsigned(d_step, nn_bits(STEPS_G - 1)));

  g_row : for y in 0 to KERNEL_ROWS_G - 1 generate
    constant C_FROM  : integer := ROW_FIRST_G + y * ROW_DILATION_G;
    constant C_TO    : integer := C_ROW_LAST + y * ROW_DILATION_G;
    constant C_SLOTS : natural := (y * ROW_DILATION_G) mod SLOTS_G;

    type t_words is array (0 to C_WIDTH - 1) of std_logic_vector(WORD_BITS_G - 1 downto 0);

    signal words     : t_words; -- the newest one last
    signal c_outside : std_logic;
    signal c_data    : std_logic_vector(WORD_BITS_G - 1 downto 0);
    signal read      : std_logic;
    signal r_address : natural range 0 to nn_top(C_DEPTH - 1);

  begin

    read      <= load_c and issue;
    r_address <= nn_address(nn_add_mod(row_slot, C_SLOTS, SLOTS_G), C_LOW + place, SLOTS_G, ROW_WORDS_G);

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
        r_address => r_address,
        r_data    => c_data
      );

    p_row_outside : process (clk)
    begin
      if rising_edge(clk) then
        if load_c = '1' then
          c_outside <= '0';
          if (C_FROM < 0 and row < -y * ROW_DILATION_G) or (C_TO >= ROWS_G and row >= ROWS_G - y * ROW_DILATION_G) then
            c_outside <= '1';
          end if;
        end if;
      end if;
    end process p_row_outside;

    c_word((y + 1) * WORD_BITS_G - 1 downto y * WORD_BITS_G) <= PAD_G when c_outside = '1' else c_data;

    p_words : process (clk)
    begin
      if rising_edge(clk) then
        if shift = '1' then
          for i in 0 to C_WIDTH - 2 loop
            words(i) <= words(i + 1);
          end loop;
          words(C_WIDTH - 1) <= c_word((y + 1) * WORD_BITS_G - 1 downto y * WORD_BITS_G);
        end if;
      end if;
    end process p_words;

    g_tap : for x in 0 to KERNEL_WORDS_G - 1 generate
      g_word : for b in 0 to TAP_WORDS_G - 1 generate
        constant C_NUMBER : natural := (y * KERNEL_WORDS_G + x) * TAP_WORDS_G + b;
      begin
        window((C_NUMBER + 1) * WORD_BITS_G - 1 downto C_NUMBER * WORD_BITS_G) <=
          PAD_G when outside(x * C_MASKS + b mod C_MASKS) = '1' else words(x * WORD_DILATION_G + b);
      end generate g_word;
    end generate g_tap;

  end generate g_row;

  g_direct : if not C_HOLD generate
    full   <= '1';
    comes  <= c_valid and brings;
    m_data <= window;
  end generate g_direct;

  g_hold : if C_HOLD generate
    comes <= full;

    p_hold : process (clk)
    begin
      if rising_edge(clk) then
        if m_ready = '1' and stays = '0' then
          full <= '0';
          if full = '1' then
            m_data <= window;
          end if;
        end if;
        if shift = '1' and brings = '1' then
          full <= '1';
        end if;
        if rst = '1' then
          full <= '0';
        end if;
      end if;
    end process p_hold;

  end generate g_hold;

end architecture rtl;
