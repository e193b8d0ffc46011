-- SPDX-License-Identifier: Apache-2.0
--
-- Test bench of @TOP@, made by nngen @VERSION@. VHDL-2008. It drives the vectors of tb/vectors/in.hex and compares every output bit, and every
-- cycle's out_valid, with tb/vectors/out.hex, which comes from nngen's evaluator and not from the design:
--
--   1. one vector alone, which measures the latency     3. vectors with random gaps, the data unknown in between
--   2. all vectors back to back, which measures the II   4. a reset in mid-stream, then vectors again
--@RECURRENT@--
-- The last line it writes is "PASS: ..." or "FAIL: ..."; on FAIL the simulator stops with status 1.
library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;

library std;
  use std.env.stop;
  use std.textio.all;

library work;
  use work.@TOP@_tb_pkg.all;

entity @TOP@_tb is
  generic (
    VECTORS_G : string   := "tb/vectors"; -- folder
    N_G       : natural  := @N@;          -- how many of them; 0: all
    GAPS_G    : natural  := 40;           -- vectors in phase 3, at most
    SEED_G    : positive := 1
  );
end entity @TOP@_tb;

architecture bench of @TOP@_tb is

  constant C_LATENCY    : positive := @LATENCY@;
  constant C_IN_BITS    : positive := @IN_BITS@;
  constant C_OUT_BITS   : positive := @OUT_BITS@;
  constant C_IN_COUNT   : positive := @IN_COUNT@;
  constant C_OUT_COUNT  : positive := @OUT_COUNT@;
  constant C_CHANNELS   : positive := @CHANNELS@; -- take turns, a vector each
  constant C_STEPS      : positive := @RESULT_STEPS@; -- vectors of a channel that give one output, with the last of them
  constant C_INTERVAL   : positive := @INTERVAL@; -- cycles from one vector to the next, at least
  constant C_PERIOD     : time     := 10 ns;
  constant C_MAX_REPORT : positive := 10;

  constant C_OUT_PORTS : t_port_array := (
@OUT_PORTS@
  );

  function port_name (p : natural) return string is
  begin
    case p is
@OUT_NAMES@
      when others => return "?";
    end case;
  end function port_name;

  signal clk       : std_logic := '0';
  signal rst       : std_logic := '1';
  signal in_ready  : std_logic := '1';
  signal in_valid  : std_logic := '0';
  signal in_data   : std_logic_vector(C_IN_BITS - 1 downto 0);
  signal out_valid : std_logic;
  signal out_data  : std_logic_vector(C_OUT_BITS - 1 downto 0);
  signal running   : boolean   := true;

begin

  i_dut : entity work.@TOP@
    port map (
      clk       => clk,
      rst       => rst,
@READY_MAP@      in_valid  => in_valid,
      in_data   => in_data,
      out_valid => out_valid,
      out_data  => out_data
    );

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

  p_main : process

    file f_in  : text;
    file f_out : text;

    -- What must come out: entry i belongs to the vector that the design sampled i cycles ago (modulo the length of the queue).
    type t_expected is record
      valid  : boolean;
      vector : natural;
      word   : std_logic_vector(C_OUT_BITS - 1 downto 0);
    end record;
    type t_queue is array (0 to C_LATENCY - 1) of t_expected;

    variable queue      : t_queue;
    variable head       : natural := 0;
    variable driven     : t_expected; -- what in_data holds now
    variable vectors    : natural := 0;
    variable total      : natural := 0;
    variable compared   : natural := 0; -- outputs
    variable mismatches : natural := 0; -- bits
    variable reported   : natural := 0;
    variable first_out  : integer := -1; -- cycle and vector
    variable last_out   : integer := -1;
    variable first_of   : integer := 0;
    variable last_of    : integer := 0;
    variable cycle      : natural := 0;
    variable outputs    : natural := 0;
    variable latency    : integer := -1;
    variable ii         : natural := 1;
    variable seed       : unsigned(31 downto 0) := to_unsigned(SEED_G, 32);
    variable number     : natural;
    variable fault      : line;

    procedure fail (text : in string) is
    begin
      print("FAIL: " & text);
      running <= false;
      stop(1);
      wait;
    end procedure fail;

    procedure open_files is
      variable in_count, out_count : natural;
    begin
      open_vectors(f_in, VECTORS_G & "/in.hex", C_IN_BITS, C_IN_COUNT, in_count, fault);
      open_vectors(f_out, VECTORS_G & "/out.hex", C_OUT_BITS, C_OUT_COUNT, out_count, fault);
      if fault = null and in_count /= out_count * C_STEPS then
        write(fault, VECTORS_G & ": in.hex and out.hex differ in the number of vectors");
      end if;
      if fault /= null then
        fail(fault.all);
      end if;
      total := in_count;
    end procedure open_files;

    procedure close_files is
    begin
      file_close(f_in);
      file_close(f_out);
    end procedure close_files;

    procedure report_element (port_number, element : in natural; vector : in natural; got, expected : in std_logic_vector) is
      constant C_PORT : t_port := C_OUT_PORTS(port_number);
    begin
      reported := reported + 1;
      if reported <= C_MAX_REPORT then
        print("vector " & to_string(vector) & ", " & port_name(port_number) & "[" & to_string(element) & "]: got " &
              element_text(got, C_PORT.frac, C_PORT.is_signed) & ", expected " & element_text(expected, C_PORT.frac, C_PORT.is_signed));
      elsif reported = C_MAX_REPORT + 1 then
        print("... further mismatches are counted only");
      end if;
    end procedure report_element;

    procedure compare (e : in t_expected) is
      variable low, high : natural;
    begin
      compared := compared + 1;
      if out_data = e.word then
        return;
      end if;
      for p in C_OUT_PORTS'range loop
        for i in 0 to C_OUT_PORTS(p).n - 1 loop
          low  := C_OUT_PORTS(p).low + i * C_OUT_PORTS(p).width;
          high := low + C_OUT_PORTS(p).width - 1;
          if out_data(high downto low) /= e.word(high downto low) then
            report_element(p, i, e.vector, out_data(high downto low), e.word(high downto low));
          end if;
        end loop;
      end loop;
      for i in out_data'range loop
        if out_data(i) /= e.word(i) then -- 'U' and 'X' differ from both
          mismatches := mismatches + 1;
        end if;
      end loop;
    end procedure compare;

    -- One clock cycle: what the design shows before the edge is compared, what it samples at the edge is queued.
    procedure tick is
      constant C_EXPECTED : t_expected := queue(head);
    begin
      wait until rising_edge(clk);
      cycle := cycle + 1;
      if (out_valid = '1') /= C_EXPECTED.valid or (out_valid /= '0' and out_valid /= '1') then
        mismatches := mismatches + 1;
        reported   := reported + 1;
        if reported <= C_MAX_REPORT then
          print("cycle " & to_string(cycle) & ": out_valid is " & std_logic'image(out_valid) & ", expected " &
                std_logic'image(std_logic'val(boolean'pos(C_EXPECTED.valid) + std_logic'pos('0'))));
        end if;
      end if;
      if out_valid = '1' then
        if first_out < 0 then
          first_out := cycle;
          first_of  := C_EXPECTED.vector;
        end if;
        last_out := cycle;
        last_of  := C_EXPECTED.vector;
        outputs  := outputs + 1;
      end if;
      if C_EXPECTED.valid then
        compare(C_EXPECTED);
      end if;
      if rst = '1' then
        for i in queue'range loop
          queue(i).valid := false;
        end loop;
      else
        queue(head) := driven;
      end if;
      head         := (head + 1) mod C_LATENCY;
      driven.valid := false;
      in_valid     <= '0';
      in_data      <= (others => 'X');
    end procedure tick;

    -- Whether a vector gives an output.
    function is_due (vector : natural) return boolean is
    begin
      return (vector / C_CHANNELS) mod C_STEPS = C_STEPS - 1;
    end function is_due;

    -- Drives the next vector of the files until the next tick.
    procedure drive (vector : in natural) is
      variable word : std_logic_vector(C_IN_BITS - 1 downto 0);
    begin
      read_vector(f_in, word, fault);
      if is_due(vector) then
        read_vector(f_out, driven.word, fault);
      end if;
      if fault /= null then
        fail(fault.all & " (vector " & to_string(vector) & ")");
      end if;
      driven.valid  := is_due(vector);
      driven.vector := vector;
      in_valid      <= '1';
      in_data       <= word;
    end procedure drive;

    -- One vector, then what must pass before the next: a token that comes too early must be ignored.
    procedure send (vector : in natural) is
    begin
      drive(vector);
      tick;
      for i in 2 to C_INTERVAL loop
        in_valid <= '1';
        tick;
      end loop;
    end procedure send;

    procedure drain is
    begin
      for i in 0 to C_LATENCY + 1 loop
        tick;
      end loop;
    end procedure drain;

    procedure reset (cycles : in positive) is
    begin
      rst <= '1';
      for i in 1 to cycles loop
        in_valid <= '1'; -- must be ignored
        wait until rising_edge(clk);
        in_valid <= '0';
      end loop;
      for i in queue'range loop
        queue(i).valid := false;
      end loop;
      rst <= '0';
      tick;
    end procedure reset;

    -- One vector alone, not through the queue, so that a wrong latency is told as such.
    procedure measure_latency is
    begin
      open_files;
      vectors := total;
      if N_G > 0 and N_G < total then
        vectors := N_G;
      end if;
      for v in 0 to C_CHANNELS * (C_STEPS - 1) - 1 loop
        send(v);
      end loop;
      drive(C_CHANNELS * (C_STEPS - 1));
      wait until rising_edge(clk);
      in_valid <= '0';
      in_data  <= (others => 'X');
      for i in 1 to 2 * C_LATENCY + 16 loop
        wait until rising_edge(clk);
        if out_valid = '1' then
          latency := i;
          exit;
        end if;
      end loop;
      if latency < 0 then
        fail("no out_valid within " & to_string(2 * C_LATENCY + 16) & " cycles");
      elsif latency /= C_LATENCY then
        fail("latency " & to_string(latency) & " cycles, expected " & to_string(C_LATENCY));
      end if;
      driven.valid := false;
      close_files;
    end procedure measure_latency;

    procedure verdict is
      variable l : line;
    begin
      if mismatches = 0 and compared > 0 then
        write(l, string'("PASS: "));
      else
        write(l, string'("FAIL: "));
      end if;
      write(l, to_string(vectors) & " vectors, " & to_string(vectors / C_STEPS * C_OUT_BITS) & " bits, " & to_string(mismatches) &
            " mismatches, latency " & to_string(latency) & " cycles, II " & to_string(ii));
      writeline(output, l);
      running <= false;
      if mismatches > 0 or compared = 0 then
        stop(1);
      end if;
    end procedure verdict;

  begin
    in_data      <= (others => 'X');
    driven.valid := false;
    reset(3);
    measure_latency;
    drain;

    -- back to back
    reset(1);
    open_files;
    first_out := -1;
    outputs   := 0;
    for v in 0 to vectors - 1 loop
      send(v);
    end loop;
    drain;
    close_files;
    if last_of > first_of then
      ii := (last_out - first_out + last_of - first_of - 1) / (last_of - first_of);
    end if;

    -- random gaps, mostly short, at times longer than the pipeline
    reset(1);
    open_files;
    for v in 0 to minimum(vectors, GAPS_G * C_CHANNELS * C_STEPS) - 1 loop
      next_random(seed, number);
      if number mod 16 = 0 then
        number := number mod (2 * C_LATENCY + 1);
      elsif number mod 2 = 0 then
        number := number mod 7 mod 4;
      else
        number := 0;
      end if;
      for i in 1 to number loop
        tick;
      end loop;
      send(v);
    end loop;
    drain;
    close_files;

    -- reset in mid-stream: nothing from before it comes out after it
    reset(1);
    open_files;
    for v in 0 to minimum(vectors, C_LATENCY + 2) - 1 loop
      send(v);
    end loop;
    close_files;
    reset(2);
    open_files;
    for v in 0 to minimum(vectors, 2 * C_LATENCY + 2 * C_CHANNELS * C_STEPS) - 1 loop
      send(v);
    end loop;
    drain;
    close_files;

    verdict;
    wait;
  end process p_main;

end architecture bench;
