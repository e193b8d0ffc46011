-- SPDX-License-Identifier: Apache-2.0
--
-- What a test bench of nngen needs beside the design: vector files, random gaps, and text for its messages. VHDL-2008.
--
-- A vector file has one header line, "# nngen vectors N=<count> bits=<bits> elements=<elements>", then <count> lines, each the hex digits of
-- one packed word, most significant first, exactly ceil(bits / 4) of them. Nothing here trusts a file: what is wrong with it comes back as text.
library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;

library std;
  use std.textio.all;

package nn_tb_pkg is

  -- One port of the network: n elements of `width` bits from bit `low` of the packed word; value = integer * 2**(-frac).
  type t_port is record
    low       : natural;
    n         : positive;
    width     : positive;
    frac      : integer;
    is_signed : boolean;
  end record;

  type t_port_array is array (natural range <>) of t_port;

  -- Opens a vector file, reads it through once and checks header, number of lines and their form; then opens it again behind the header.
  -- fault is null when all is well.
  procedure open_vectors (
    file f     : text;
    constant name     : in string;
    constant bits     : in positive;
    constant elements : in positive;
    count : out natural;
    fault : inout line
  );

  -- The next vector.
  procedure read_vector (
    file f : text;
    variable word : out std_logic_vector;
    fault : inout line
  );

  -- Pseudo-random numbers below 2**16, the same on every simulator (xorshift of 32 bits).
  procedure next_random (
    state  : inout unsigned(31 downto 0);
    number : out natural
  );

  -- "-1.250000 (x"BE00")"
  function element_text (bits : std_logic_vector; frac : integer; is_signed : boolean) return string;

  procedure print (text : in string);

end package nn_tb_pkg;

package body nn_tb_pkg is

  -- -1: no hex digit
  function digit_value (c : character) return integer is
  begin
    case c is
      when '0' to '9' => return character'pos(c) - character'pos('0');
      when 'a' to 'f' => return character'pos(c) - character'pos('a') + 10;
      when 'A' to 'F' => return character'pos(c) - character'pos('A') + 10;
      when others => return -1;
    end case;
  end function digit_value;

  -- Length without blanks and carriage returns at the end.
  function trimmed (s : string) return natural is
  begin
    for i in s'high downto s'low loop
      if s(i) /= ' ' and s(i) /= CR and s(i) /= HT then
        return i - s'low + 1;
      end if;
    end loop;
    return 0;
  end function trimmed;

  procedure set_fault (
    fault : inout line;
    constant text : in string
  ) is
  begin
    if fault = null then
      write(fault, text);
    end if;
  end procedure set_fault;

  -- The number behind `key` in the header; -1: there is none.
  function header_field (s : string; key : string) return integer is
    variable n : integer := -1;
  begin
    for i in s'low to s'high - key'length loop
      if s(i to i + key'length - 1) = key then
        for j in i + key'length to s'high loop
          exit when s(j) < '0' or s(j) > '9' or n > 100000000;
          n := maximum(n, 0) * 10 + digit_value(s(j));
        end loop;
        return n;
      end if;
    end loop;
    return -1;
  end function header_field;

  procedure check_header (
    constant s        : in string;
    constant name     : in string;
    constant bits     : in positive;
    constant elements : in positive;
    count : out natural;
    fault : inout line
  ) is
    constant C_START : string := "# nngen vectors ";
  begin
    count := 0;
    if s'length < C_START'length or s(s'low to minimum(s'high, s'low + C_START'length - 1)) /= C_START then
      set_fault(fault, name & ": line 1 is no header of an nngen vector file");
    elsif header_field(s, " bits=") /= bits or header_field(s, " elements=") /= elements then
      set_fault(fault, name & ": made for another design: " & s & "; this one has bits=" & to_string(bits) & " elements=" & to_string(elements));
    elsif header_field(s, " N=") < 1 then
      set_fault(fault, name & ": the header promises no vectors");
    else
      count := header_field(s, " N=");
    end if;
  end procedure check_header;

  procedure open_vectors (
    file f     : text;
    constant name     : in string;
    constant bits     : in positive;
    constant elements : in positive;
    count : out natural;
    fault : inout line
  ) is
    variable status : file_open_status;
    variable l      : line;
    variable n      : natural;
    variable lines  : natural := 0;
  begin
    count := 0;
    file_open(status, f, name, read_mode);
    if status /= open_ok then
      set_fault(fault, "cannot read " & name);
      return;
    end if;
    if endfile(f) then
      set_fault(fault, name & " is empty");
      file_close(f);
      return;
    end if;
    readline(f, l);
    check_header(l.all, name, bits, elements, n, fault);
    while fault = null and not endfile(f) loop
      readline(f, l);
      lines := lines + 1;
      if trimmed(l.all) /= (bits + 3) / 4 then
        set_fault(fault, name & ": line " & to_string(lines + 1) & " has " & to_string(trimmed(l.all)) & " digits, not " &
                  to_string((bits + 3) / 4));
      end if;
    end loop;
    if fault = null and lines /= n then
      set_fault(fault, name & ": " & to_string(lines) & " vectors, but the header promises " & to_string(n));
    end if;
    file_close(f);
    if fault = null then
      file_open(status, f, name, read_mode);
      readline(f, l);
      count := n;
    end if;
    deallocate(l);
  end procedure open_vectors;

  procedure read_vector (
    file f : text;
    variable word : out std_logic_vector;
    fault : inout line
  ) is
    constant C_DIGITS : positive := (word'length + 3) / 4;
    variable l        : line;
    variable value    : integer;
    variable padded   : std_logic_vector(4 * C_DIGITS - 1 downto 0);
  begin
    word := (word'range => 'X');
    if endfile(f) then
      set_fault(fault, "a vector file ended early");
      return;
    end if;
    readline(f, l);
    if l'length < C_DIGITS then
      set_fault(fault, "a vector is too short");
      return;
    end if;
    for i in 0 to C_DIGITS - 1 loop
      value := digit_value(l(l'low + i));
      if value < 0 then
        set_fault(fault, "a vector has a character that is no hex digit: " & l.all);
        return;
      end if;
      padded(4 * (C_DIGITS - i) - 1 downto 4 * (C_DIGITS - i) - 4) := std_logic_vector(to_unsigned(value, 4));
    end loop;
    -- the highest digit may hold bits that the word has not
    for i in word'length to padded'high loop
      if padded(i) /= '0' then
        set_fault(fault, "a vector has more bits than the port: " & l.all);
      end if;
    end loop;
    word := padded(word'length - 1 downto 0);
    deallocate(l);
  end procedure read_vector;

  procedure next_random (
    state  : inout unsigned(31 downto 0);
    number : out natural
  ) is
  begin
    state  := state xor shift_left(state, 13);
    state  := state xor shift_right(state, 17);
    state  := state xor shift_left(state, 5);
    number := to_integer(state(31 downto 16));
  end procedure next_random;

  function element_text (bits : std_logic_vector; frac : integer; is_signed : boolean) return string is
    variable b      : std_logic_vector(bits'length - 1 downto 0) := bits;
    variable value  : real := 0.0;
    variable weight : real := 2.0 ** (-frac);
  begin
    if is_x(b) then
      return "unknown (""" & to_string(b) & """)";
    end if;
    for i in 0 to b'high loop
      if b(i) = '1' then
        if is_signed and i = b'high then
          value := value - weight;
        else
          value := value + weight;
        end if;
      end if;
      weight := weight * 2.0;
    end loop;
    return to_string(value, 6) & " (x""" & to_hstring(b) & """)";
  end function element_text;

  procedure print (text : in string) is
    variable l : line;
  begin
    write(l, text);
    writeline(output, l);
  end procedure print;

end package body nn_tb_pkg;
