-- SPDX-License-Identifier: Apache-2.0
--
-- What the units of a streamed network share: types of generics, and a little arithmetic on constants and counters. VHDL-93 and 2008.
library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;

package nn_stream_pkg is

  type t_nn_words is array (natural range <>) of std_logic_vector(31 downto 0);
  type t_nn_naturals is array (natural range <>) of natural;

  -- Bits of an unsigned number up to n, at least 1.
  function nn_bits (n : natural) return positive;

  -- The end of a counter's range from 0: n, but 1 at least, because some tools make no bits, or no sense, of a range of one value.
  function nn_top (n : natural) return positive;

  -- The nearest to n in low to high.
  function nn_clip (n : integer; low : integer; high : integer) return integer;

  -- a + b modulo m; both are below m.
  function nn_add_mod (a : natural; b : natural; m : positive) return natural;

  -- Rows of words in a memory: bits of the word in an address, addresses in all, and the address of a word of a slot. The word is taken
  -- modulo 2**nn_pitch_bits, so that one outside of the row has an address too.
  function nn_pitch_bits (row_words : positive) return natural;

  function nn_depth (slots : positive; row_words : positive) return positive;

  function nn_address (slot : natural; word : integer; slots : positive; row_words : positive) return natural;

end package nn_stream_pkg;

package body nn_stream_pkg is

  function nn_bits (n : natural) return positive is
    variable bits : positive := 1;
    variable left : natural  := n / 2;
  begin
    while left > 0 loop
      bits := bits + 1;
      left := left / 2;
    end loop;
    return bits;
  end function nn_bits;

  function nn_top (n : natural) return positive is
  begin
    if n = 0 then
      return 1;
    end if;
    return n;
  end function nn_top;

  function nn_clip (n : integer; low : integer; high : integer) return integer is
  begin
    if n < low then
      return low;
    elsif n > high then
      return high;
    end if;
    return n;
  end function nn_clip;

  function nn_add_mod (a : natural; b : natural; m : positive) return natural is
  begin
    if a + b >= m then
      return a + b - m;
    end if;
    return a + b;
  end function nn_add_mod;

  function nn_pitch_bits (row_words : positive) return natural is
  begin
    if row_words = 1 then
      return 0;
    end if;
    return nn_bits(row_words - 1);
  end function nn_pitch_bits;

  function nn_depth (slots : positive; row_words : positive) return positive is
  begin
    return slots * 2 ** nn_pitch_bits(row_words);
  end function nn_depth;

  function nn_address (slot : natural; word : integer; slots : positive; row_words : positive) return natural is
    constant C_BITS : natural := nn_pitch_bits(row_words);
    variable whole  : signed(31 downto 0);
    variable number : unsigned(nn_bits(slots - 1) + C_BITS - 1 downto 0);
  begin
    number := to_unsigned(slot, number'length);
    if C_BITS > 0 then
      whole                      := to_signed(word, 32);
      number                     := shift_left(number, C_BITS);
      number(C_BITS - 1 downto 0) := unsigned(whole(C_BITS - 1 downto 0));
    end if;
    return to_integer(number);
  end function nn_address;

end package body nn_stream_pkg;
