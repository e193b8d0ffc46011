-- SPDX-License-Identifier: Apache-2.0
--
-- The rows that nn_stream_fetch and nn_stream_window keep: where beats are written to, and which rows are there to be read.
--
-- A frame is ROWS_G rows of ROW_WORDS_G words, a word a beat. Rows are written one after the other into SLOTS_G slots of a memory, in
-- turn. Output row i of a frame (of OUT_ROWS_G) reads input rows ROW_FIRST_G + i * ROW_STEP_G and ROW_SPAN_G - 1 rows after it, as far as
-- they are within the frame.
--
-- Writing: s_ready is '1' while a slot is free, from registers alone. With w_enable, the beat belongs at w_address.
-- Reading: while r_there is '1', all that the present output row reads is in the memory; a row is there in the cycle after its last beat
-- was taken. r_row is the first input row (negative: before the frame), r_slot its slot; rows that follow lie in the slots that follow, in
-- turn. r_next at an edge goes on to the next output row. r_frees is the number of rows that no output row after the present one needs;
-- the reader gives it back as r_free, for one cycle, at the edge at which it reads the last of them or later: then those slots are
-- written from the next edge on. Rows may be given back that are not written yet: they are dropped when they come.
-- SLOTS_G: what one output row reads at least; one row more to write while it is read.
library ieee;
  use ieee.std_logic_1164.all;

library work;
  use work.nn_stream_pkg.all;

entity nn_stream_rows is
  generic (
    ROWS_G      : positive;
    ROW_WORDS_G : positive;
    SLOTS_G     : positive;
    OUT_ROWS_G  : positive;
    ROW_FIRST_G : integer;
    ROW_STEP_G  : natural; -- 0 only when there is one output row
    ROW_SPAN_G  : positive
  );
  port (
    clk       : in  std_logic;
    rst       : in  std_logic;
    s_valid   : in  std_logic;
    s_ready   : out std_logic;
    w_enable  : out std_logic;
    w_address : out natural range 0 to nn_top(nn_depth(SLOTS_G, ROW_WORDS_G) - 1);
    r_there   : out std_logic;
    r_row     : out integer range ROW_FIRST_G to ROW_FIRST_G + nn_top((OUT_ROWS_G - 1) * ROW_STEP_G);
    r_slot    : out natural range 0 to nn_top(SLOTS_G - 1);
    r_frees   : out natural range 0 to 2 * ROWS_G;
    r_next    : in  std_logic;
    r_free    : in  natural range 0 to 2 * ROWS_G
  );
end entity nn_stream_rows;

architecture rtl of nn_stream_rows is

  constant C_LAST       : integer := ROW_FIRST_G + (OUT_ROWS_G - 1) * ROW_STEP_G;
  constant C_SKIPPED    : natural := nn_clip(ROW_FIRST_G, 0, ROWS_G); -- rows before the first that is read
  constant C_FIRST_SLOT : natural := ROW_FIRST_G mod SLOTS_G;
  constant C_STEP_SLOTS : natural := ROW_STEP_G mod SLOTS_G;
  constant C_WRAP_SLOTS : natural := (ROWS_G - (OUT_ROWS_G - 1) * ROW_STEP_G) mod SLOTS_G;
  constant C_DEBT       : natural := 2 * ROWS_G; -- rows given back before they are written, at most

  subtype t_row is integer range ROW_FIRST_G to ROW_FIRST_G + nn_top(C_LAST - ROW_FIRST_G);

  -- The output row's first input row after that of another.
  function row_after (row : t_row) return t_row is
  begin
    if row = C_LAST then
      return ROW_FIRST_G;
    end if;
    return row + ROW_STEP_G;
  end function row_after;

  -- Rows of the frame that must have been written. One at least: no output before there is any input.
  function needs (row : t_row) return natural is
  begin
    return nn_clip(row + ROW_SPAN_G, 1, ROWS_G);
  end function needs;

  function frees (row : t_row) return natural is
  begin
    if row = C_LAST then
      return ROWS_G + C_SKIPPED - nn_clip(row, 0, ROWS_G);
    end if;
    return nn_clip(row + ROW_STEP_G, 0, ROWS_G) - nn_clip(row, 0, ROWS_G);
  end function frees;

  signal word        : natural range 0 to nn_top(ROW_WORDS_G - 1);        -- of the row being written
  signal slot        : natural range 0 to nn_top(SLOTS_G - 1);
  signal room        : natural range 0 to SLOTS_G + C_DEBT;               -- rows that may be written, with the one being written
  signal ready, take : std_logic;
  signal have        : integer range -ROWS_G to ROWS_G + SLOTS_G;         -- rows written, from the first one of the frame being read
  signal row, next_row : t_row;                                           -- of the present output row, of the next
  signal need        : natural range 0 to ROWS_G;
  signal free        : natural range 0 to C_DEBT;
  signal row_slot    : natural range 0 to nn_top(SLOTS_G - 1);

begin

  s_ready   <= ready;
  take      <= s_valid and ready;
  w_enable  <= take;
  w_address <= nn_address(slot, word, SLOTS_G, ROW_WORDS_G);

  r_there <= '1' when have >= need else '0';
  r_row   <= row;
  r_slot  <= row_slot;
  r_frees <= free;

  p_rows : process (clk)
    variable v_room : natural range 0 to SLOTS_G + C_DEBT;
    variable v_have : integer range -ROWS_G to ROWS_G + SLOTS_G;
  begin
    if rising_edge(clk) then
      v_room := room + r_free;
      v_have := have;

      if take = '1' then
        if word = ROW_WORDS_G - 1 then
          word   <= 0;
          slot   <= nn_add_mod(slot, 1 mod SLOTS_G, SLOTS_G);
          v_room := v_room - 1;
          v_have := v_have + 1;
        else
          word <= word + 1;
        end if;
      end if;

      if r_next = '1' then
        if row = C_LAST then
          v_have   := v_have - ROWS_G;
          row_slot <= nn_add_mod(row_slot, C_WRAP_SLOTS, SLOTS_G);
        else
          row_slot <= nn_add_mod(row_slot, C_STEP_SLOTS, SLOTS_G);
        end if;
        row   <= next_row;
        next_row <= row_after(next_row);
        need  <= needs(next_row);
        free  <= frees(next_row);
      end if;

      room  <= v_room;
      have  <= v_have;
      ready <= '0';
      if v_room /= 0 then
        ready <= '1';
      end if;

      if rst = '1' then
        word     <= 0;
        slot     <= 0;
        room     <= SLOTS_G + C_SKIPPED;
        ready    <= '1';
        have     <= 0;
        row      <= ROW_FIRST_G;
        next_row <= row_after(ROW_FIRST_G);
        need     <= needs(ROW_FIRST_G);
        free     <= frees(ROW_FIRST_G);
        row_slot <= C_FIRST_SLOT;
      end if;
    end if;
  end process p_rows;

end architecture rtl;
