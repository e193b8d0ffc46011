-- SPDX-License-Identifier: Apache-2.0
--
-- Test bench of @TOP@, made by nngen @VERSION@. VHDL-2008. It drives the frames of tb/vectors/<input>.hex and compares every output bit, and tlast,
-- with tb/vectors/<output>.hex, which come from nngen's evaluator and not from the design:
--
--   1. frames back to back and nobody waiting, which measures latency and interval
--   2. a reset in mid-stream, then the frames again with random stalls on all ports and tlast of inputs at random
--
-- The last line it writes is "PASS: ..." or "FAIL: ..."; on FAIL the simulator stops with status 1.
library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;

library work;
  use work.@TOP@_tb_pkg.all;

package @TOP@_tb_stream_pkg is

  -- Stretches of up to 48 cycles, in each of which a port waits never, seldom, often or always.
  type t_stalls is record
    state : unsigned(31 downto 0);
    left  : natural;
    kind  : natural;
  end record;

  procedure next_stall (
    stalls : inout t_stalls;
    waits  : out boolean
  );

end package @TOP@_tb_stream_pkg;

package body @TOP@_tb_stream_pkg is

  procedure next_stall (
    stalls : inout t_stalls;
    waits  : out boolean
  ) is
    type t_levels is array (0 to 4) of natural;
    constant C_LEVEL : t_levels := (0, 1, 4, 7, 8);
    variable number  : natural;
  begin
    if stalls.left = 0 then
      next_random(stalls.state, number);
      stalls.left := 1 + number mod 48;
      next_random(stalls.state, number);
      stalls.kind := number mod 5;
    end if;
    stalls.left := stalls.left - 1;
    next_random(stalls.state, number);
    waits := number mod 8 < C_LEVEL(stalls.kind);
  end procedure next_stall;

end package body @TOP@_tb_stream_pkg;

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;

library std;
  use std.env.stop;
  use std.textio.all;

library work;
  use work.@TOP@_tb_pkg.all;
  use work.@TOP@_tb_stream_pkg.all;

-- Offers the beats of one input, from the first one after each reset.
entity @TOP@_tb_source is
  generic (
    FILE_G  : string;
    BITS_G  : positive; -- of a beat
    LANES_G : positive; -- elements of a beat
    BEATS_G : positive; -- of a frame
    TOTAL_G : positive; -- frames in the file
    SEED_G  : positive
  );
  port (
    clk     : in  std_logic;
    rst     : in  std_logic;
    frames  : in  natural;
    stalled : in  boolean;
    cycle   : in  natural;
    tvalid  : out std_logic;
    tready  : in  std_logic;
    tdata   : out std_logic_vector;
    tlast   : out std_logic;
    done    : out natural := 0; -- beats
    first   : out natural := 0  -- cycle in which the first one was taken
  );
end entity @TOP@_tb_source;

architecture bench of @TOP@_tb_source is

begin

  p_main : process
    file f_in        : text;
    variable is_open : boolean := false;
    variable offered : natural := 0;
    variable count   : natural;
    variable word    : std_logic_vector(BITS_G - 1 downto 0);
    variable stalls  : t_stalls := (to_unsigned(SEED_G, 32), 0, 0);
    variable waits   : boolean;
    variable fault   : line;

    procedure check is
    begin
      if fault /= null then
        print("FAIL: " & fault.all);
        stop(1);
        wait;
      end if;
    end procedure check;

  begin
    wait until rising_edge(clk);
    if rst = '1' then
      if is_open then
        file_close(f_in);
      end if;
      is_open := true;
      open_vectors(f_in, FILE_G, BITS_G, LANES_G, count, fault);
      if fault = null and count /= TOTAL_G * BEATS_G then
        write(fault, FILE_G & ": " & to_string(count) & " beats, expected " & to_string(TOTAL_G * BEATS_G));
      end if;
      check;
      offered := 0;
      done    <= 0;
      tvalid  <= '0';
    else
      if tvalid = '1' and tready = '1' then
        if done = 0 then
          first <= cycle;
        end if;
        done <= done + 1;
      end if;
      if tvalid = '0' or tready = '1' then
        waits := false;
        if stalled then
          next_stall(stalls, waits);
        end if;
        tvalid <= '0';
        tdata  <= (tdata'range => 'X');
        tlast  <= 'X';
        if offered < frames * BEATS_G and not waits then
          read_vector(f_in, word, fault);
          check;
          offered := offered + 1;
          tvalid <= '1';
          tdata(BITS_G - 1 downto 0) <= word; -- padding stays unknown: it must not matter, nor must tlast
          if not stalled and offered mod BEATS_G = 0 then
            tlast <= '1';
          elsif not stalled then
            tlast <= '0';
          end if;
        end if;
      end if;
    end if;
  end process p_main;

end architecture bench;

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;

library std;
  use std.env.stop;
  use std.textio.all;

library work;
  use work.@TOP@_tb_pkg.all;
  use work.@TOP@_tb_stream_pkg.all;

-- Takes the beats of one output and compares them, from the first one after each reset.
entity @TOP@_tb_sink is
  generic (
    NAME_G    : string;
    FILE_G    : string;
    LANES_G   : positive;
    WIDTH_G   : positive; -- bits of an element
    FRAC_G    : integer;
    SIGNED_G  : boolean;
    BEATS_G   : positive; -- of a frame
    TOTAL_G   : positive; -- frames in the file
    MIDDLE_G  : natural;  -- number of a frame
    SEED_G    : positive
  );
  port (
    clk        : in  std_logic;
    rst        : in  std_logic;
    frames     : in  natural;
    stalled    : in  boolean;
    cycle      : in  natural;
    tvalid     : in  std_logic;
    tready     : out std_logic;
    tdata      : in  std_logic_vector;
    tlast      : in  std_logic;
    done       : out natural := 0; -- beats
    first_end  : out natural := 0; -- cycle of the first frame's last beat
    middle_end : out natural := 0; -- ... of frame MIDDLE_G's
    last_end   : out natural := 0; -- ... of the last frame's
    mismatches : out natural := 0  -- bits, since the start
  );
end entity @TOP@_tb_sink;

architecture bench of @TOP@_tb_sink is

begin

  p_main : process
    constant C_BITS       : positive := LANES_G * WIDTH_G;
    constant C_MAX_REPORT : positive := 10;
    file f_out        : text;
    variable is_open  : boolean := false;
    variable count    : natural;
    variable number   : natural := 0; -- of the beat
    variable reported : natural := 0;
    variable wrong    : natural := 0; -- bits
    variable word     : std_logic_vector(C_BITS - 1 downto 0);
    variable held     : std_logic_vector(tdata'length downto 0); -- tlast and tdata of a beat that was not taken
    variable is_held  : boolean := false;
    variable is_last  : std_logic;
    variable stalls   : t_stalls := (to_unsigned(SEED_G, 32), 0, 0);
    variable waits    : boolean;
    variable fault    : line;

    procedure complain (bits : in positive; text : in string) is
    begin
      wrong      := wrong + bits;
      mismatches <= wrong;
      reported   := reported + 1;
      if reported <= C_MAX_REPORT then
        print("cycle " & to_string(cycle) & ", " & NAME_G & ", frame " & to_string(number / BEATS_G) & ", beat " &
              to_string(number mod BEATS_G) & ": " & text);
      elsif reported = C_MAX_REPORT + 1 then
        print("... further mismatches are counted only");
      end if;
    end procedure complain;

    procedure check is
    begin
      if fault /= null then
        print("FAIL: " & fault.all);
        stop(1);
        wait;
      end if;
    end procedure check;

    procedure compare is
      variable bits      : natural := 0;
      variable low, high : natural;
    begin
      for i in C_BITS - 1 downto 0 loop
        if tdata(i) /= word(i) then -- 'U' and 'X' differ from both
          bits := bits + 1;
        end if;
      end loop;
      for i in 0 to LANES_G - 1 loop
        low  := i * WIDTH_G;
        high := low + WIDTH_G - 1;
        if tdata(high downto low) /= word(high downto low) then
          complain(bits, "element " & to_string(i) & ": got " & element_text(tdata(high downto low), FRAC_G, SIGNED_G) & ", expected " &
                   element_text(word(high downto low), FRAC_G, SIGNED_G));
          exit;
        end if;
      end loop;
    end procedure compare;

    procedure take is
    begin
      if number >= frames * BEATS_G then
        complain(1, "a beat too many");
        return;
      end if;
      read_vector(f_out, word, fault);
      check;
      is_last := '0';
      if number mod BEATS_G = BEATS_G - 1 then
        is_last := '1';
        if number / BEATS_G = 0 then
          first_end <= cycle;
        end if;
        if number / BEATS_G = MIDDLE_G then
          middle_end <= cycle;
        end if;
        last_end <= cycle;
      end if;
      if tdata(C_BITS - 1 downto 0) /= word then
        compare;
      elsif tlast /= is_last then
        complain(1, "tlast is " & std_logic'image(tlast));
      else
        for i in C_BITS to tdata'high loop
          if tdata(i) /= '0' then
            complain(1, "bit " & to_string(i) & " above the last element is " & std_logic'image(tdata(i)));
            exit;
          end if;
        end loop;
      end if;
      number := number + 1;
      done   <= number;
    end procedure take;

  begin
    wait until rising_edge(clk);
    if rst = '1' then
      if is_open then
        file_close(f_out);
      end if;
      is_open := true;
      open_vectors(f_out, FILE_G, C_BITS, LANES_G, count, fault);
      if fault = null and count /= TOTAL_G * BEATS_G then
        write(fault, FILE_G & ": " & to_string(count) & " beats, expected " & to_string(TOTAL_G * BEATS_G));
      end if;
      check;
      number  := 0;
      is_held := false;
      done    <= 0;
      tready  <= '0';
    else
      if tvalid /= '0' and tvalid /= '1' then
        complain(1, "tvalid is " & std_logic'image(tvalid));
      elsif is_held and (tvalid /= '1' or tlast & tdata /= held) then
        complain(1, "tvalid, tdata or tlast changed before tready");
      end if;
      is_held := tvalid = '1' and tready = '0';
      held    := tlast & tdata;
      if tvalid = '1' and tready = '1' then
        take;
      end if;
      waits := false;
      if stalled then
        next_stall(stalls, waits);
      end if;
      tready <= '1';
      if waits then
        tready <= '0';
      end if;
    end if;
  end process p_main;

end architecture bench;

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;

library std;
  use std.env.stop;

library work;
  use work.@TOP@_tb_pkg.all;

entity @TOP@_tb is
  generic (
    VECTORS_G : string   := "tb/vectors"; -- folder
    N_G       : natural  := @N@;          -- frames; 0: all
    SEED_G    : positive := 1
  );
end entity @TOP@_tb;

architecture bench of @TOP@_tb is

  constant C_LATENCY  : positive := @LATENCY@;
  constant C_INTERVAL : positive := @INTERVAL@;
  constant C_TOTAL    : positive := @FRAMES@; -- frames in the files
  constant C_BITS     : positive := @FRAME_BITS@; -- compared in a frame
  constant C_INS      : positive := @INS@;
  constant C_OUTS     : positive := @OUTS@;
  constant C_PATIENCE : positive := 4 * (C_LATENCY + C_INTERVAL) + 10000; -- cycles in which nothing moves
  constant C_PERIOD   : time     := 10 ns;

  type t_naturals is array (natural range <>) of natural;
  constant C_IN_BEATS  : t_naturals(0 to C_INS - 1)  := (@IN_BEATS@); -- of a frame
  constant C_OUT_BEATS : t_naturals(0 to C_OUTS - 1) := (@OUT_BEATS@);

  function frames_of return positive is
  begin
    if N_G = 0 or N_G > C_TOTAL then
      return C_TOTAL;
    end if;
    return N_G;
  end function frames_of;

  constant C_FRAMES : positive := frames_of;
  constant C_MIDDLE : natural  := (C_FRAMES - 1) / 2; -- the interval is that of the frames after it, in the mean: it need not be the same each time

  signal clk     : std_logic := '0';
  signal rst     : std_logic := '1';
  signal stalled : boolean   := false;
  signal running : boolean   := true;
  signal cycle   : natural   := 0;
  signal in_done, in_first : t_naturals(0 to C_INS - 1) := (others => 0);
  signal out_done, out_first_end, out_middle_end, out_last_end, out_mismatches : t_naturals(0 to C_OUTS - 1) := (others => 0);
@SIGNALS@

begin

  i_dut : entity work.@TOP@
    port map (
@PORT_MAP@
      clk => clk,
      rst => rst
    );

@SIDES@
  p_clock : process
  begin
    while running loop
      wait for C_PERIOD / 2;
      clk <= '1';
      wait for C_PERIOD / 2;
      clk <= '0';
    end loop;
    wait;
  end process p_clock;

  p_cycle : process (clk)
  begin
    if rising_edge(clk) then
      cycle <= cycle + 1;
    end if;
  end process p_cycle;

  p_main : process
    constant C_SPANS : natural := C_FRAMES - 1 - C_MIDDLE;
    variable latency, ii, before, first, span : natural := 0;
    variable is_right : boolean;

    function sum (a : t_naturals) return natural is
      variable s : natural := 0;
    begin
      for i in a'range loop
        s := s + a(i);
      end loop;
      return s;
    end function sum;

    -- of all outputs
    function latest (a : t_naturals) return natural is
      variable m : natural := 0;
    begin
      for i in a'range loop
        m := maximum(m, a(i));
      end loop;
      return m;
    end function latest;

    procedure reset is
    begin
      rst <= '1';
      for i in 1 to 3 loop
        wait until rising_edge(clk);
      end loop;
      rst <= '0';
      wait until rising_edge(clk);
    end procedure reset;

    impure function has_more return boolean is
    begin
      for i in C_INS - 1 downto 0 loop
        if in_done(i) < C_FRAMES * C_IN_BEATS(i) then
          return true;
        end if;
      end loop;
      for i in C_OUTS - 1 downto 0 loop
        if out_done(i) < C_FRAMES * C_OUT_BEATS(i) then
          return true;
        end if;
      end loop;
      return false;
    end function has_more;

    -- Until all frames are through, and somewhat longer: nothing more may come.
    procedure run is
      variable moved : natural := 0;
      variable idle  : natural := 0;
    begin
      while has_more loop
        wait until rising_edge(clk);
        idle := idle + 1;
        if sum(in_done) + sum(out_done) /= moved then
          moved := sum(in_done) + sum(out_done);
          idle  := 0;
        end if;
        if idle > C_PATIENCE then
          print("FAIL: nothing moved for " & to_string(C_PATIENCE) & " cycles, after " & to_string(out_done(0)) & " beats of the first output, " &
                to_string(in_done(0)) & " of the first input");
          running <= false;
          stop(1);
          wait;
        end if;
      end loop;
      for i in 1 to C_LATENCY / 4 + 64 loop
        wait until rising_edge(clk);
      end loop;
    end procedure run;

    impure function verdict return string is
    begin
      if is_right and sum(out_mismatches) = 0 then
        return "PASS: ";
      end if;
      return "FAIL: ";
    end function verdict;

    impure function expected return string is
    begin
      if is_right then
        return "";
      end if;
      return " (expected " & to_string(C_LATENCY) & " and " & to_string(C_INTERVAL) & ")";
    end function expected;

  begin
    reset;
    run;
    first := in_first(0);
    for i in in_first'range loop
      first := minimum(first, in_first(i));
    end loop;
    latency := latest(out_first_end) - first;
    ii      := C_INTERVAL; -- of a single frame it is not to be seen
    span    := 0;
    if C_SPANS > 0 then
      span := latest(out_last_end) - latest(out_middle_end);
      ii   := (span + C_SPANS - 1) / C_SPANS;
    end if;
    is_right := latency = C_LATENCY and abs (span - C_SPANS * C_INTERVAL) <= C_SPANS + C_INTERVAL / 4;

    -- cut off in mid-stream
    reset;
    for i in 1 to C_LATENCY / 2 + 3 loop
      wait until rising_edge(clk);
    end loop;
    stalled <= true;
    reset;
    before := sum(out_mismatches);
    run;

    print("with random stalls: " & to_string(C_FRAMES) & " vectors, " & to_string(C_FRAMES * C_BITS) & " bits, " &
          to_string(sum(out_mismatches) - before) & " mismatches");
    print(verdict & to_string(C_FRAMES) & " vectors, " & to_string(C_FRAMES * C_BITS) & " bits, " & to_string(sum(out_mismatches)) &
          " mismatches, latency " & to_string(latency) & " cycles, II " & to_string(ii) & expected);
    running <= false;
    if not is_right or sum(out_mismatches) > 0 then
      stop(1);
    end if;
    wait;
  end process p_main;

end architecture bench;
