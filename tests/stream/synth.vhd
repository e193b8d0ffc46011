-- SPDX-License-Identifier: Apache-2.0
--
-- Units of typical sizes, for tests/e2e/stream_synth.sh.

-- 3x3 convolution of 28x28x16 in 8 bits, a window in every cycle
library ieee;
  use ieee.std_logic_1164.all;

entity window_conv is
  port (
    clk, rst, s_valid, m_ready        : in  std_logic;
    s_ready, m_valid, m_live, m_last  : out std_logic;
    s_data                            : in  std_logic_vector(127 downto 0);
    m_step                            : out std_logic_vector(0 downto 0);
    m_data                            : out std_logic_vector(9 * 128 - 1 downto 0)
  );
end entity window_conv;

architecture rtl of window_conv is
begin
  u : entity work.nn_stream_window
    generic map (128, 28, 28, 4, 28, 28, -1, 1, 3, 1, -1, 1, 3, 1, 1, 1, 0, (127 downto 0 => '0'))
    port map (clk, rst, s_valid, s_ready, s_data, m_valid, m_ready, m_step, m_live, m_last, m_data);
end architecture rtl;

-- a vector of 64 elements of 8 bits as one beat, for 16 steps
library ieee;
  use ieee.std_logic_1164.all;

entity window_vector is
  port (
    clk, rst, s_valid, m_ready        : in  std_logic;
    s_ready, m_valid, m_live, m_last  : out std_logic;
    s_data                            : in  std_logic_vector(511 downto 0);
    m_step                            : out std_logic_vector(3 downto 0);
    m_data                            : out std_logic_vector(511 downto 0)
  );
end entity window_vector;

architecture rtl of window_vector is
begin
  u : entity work.nn_stream_window
    generic map (512, 1, 1, 2, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 1, 16, 2, (511 downto 0 => '0'))
    port map (clk, rst, s_valid, s_ready, s_data, m_valid, m_ready, m_step, m_live, m_last, m_data);
end architecture rtl;

-- dense layer of 784 elements, one multiplier for 16 neurons
library ieee;
  use ieee.std_logic_1164.all;

entity fetch_dense is
  port (
    clk, rst, s_valid, m_ready        : in  std_logic;
    s_ready, m_valid, m_live, m_last  : out std_logic;
    s_data                            : in  std_logic_vector(7 downto 0);
    m_step                            : out std_logic_vector(13 downto 0);
    m_data                            : out std_logic_vector(7 downto 0)
  );
end entity fetch_dense;

architecture rtl of fetch_dense is
begin
  u : entity work.nn_stream_fetch
    generic map (8, 1, 784, 2, 1, 1, 0, 1, 1, 0, 1, 12544, 1, 1, 784, true, (0 => 0), (0 => 0), (0 => 0), X"00")
    port map (clk, rst, s_valid, s_ready, s_data, m_valid, m_ready, m_step, m_live, m_last, m_data);
end architecture rtl;

-- 3x3 convolution of 28x28x8 in 8 bits, 9 steps, four ports one step apart
library ieee;
  use ieee.std_logic_1164.all;

library work;
  use work.nn_stream_pkg.all;

entity fetch_conv is
  port (
    clk, rst, s_valid, m_ready        : in  std_logic;
    s_ready, m_valid, m_live, m_last  : out std_logic;
    s_data                            : in  std_logic_vector(63 downto 0);
    m_step                            : out std_logic_vector(3 downto 0);
    m_data                            : out std_logic_vector(4 * 64 - 1 downto 0)
  );
end entity fetch_conv;

architecture rtl of fetch_conv is

  function order (divisor : positive; ports : positive) return t_nn_naturals is
    variable t : t_nn_naturals(0 to 9 * ports - 1);
  begin
    for i in t'range loop
      t(i) := i mod 9 / divisor mod 3;
    end loop;
    return t;
  end function order;

begin
  u : entity work.nn_stream_fetch
    generic map (64, 28, 28, 5, 28, 28, -1, 1, 3, -1, 1, 9, 2, 4, 9, false, (0, 1, 2, 3), order(3, 4), order(1, 4), (63 downto 0 => '0'))
    port map (clk, rst, s_valid, s_ready, s_data, m_valid, m_ready, m_step, m_live, m_last, m_data);
end architecture rtl;

-- sparse matrix: 20 multipliers, each with an order of its own over 256 elements
library ieee;
  use ieee.std_logic_1164.all;

library work;
  use work.nn_stream_pkg.all;

entity fetch_sparse is
  port (
    clk, rst, s_valid, m_ready        : in  std_logic;
    s_ready, m_valid, m_live, m_last  : out std_logic;
    s_data                            : in  std_logic_vector(7 downto 0);
    m_step                            : out std_logic_vector(4 downto 0);
    m_data                            : out std_logic_vector(20 * 8 - 1 downto 0)
  );
end entity fetch_sparse;

architecture rtl of fetch_sparse is

  function order (n : positive) return t_nn_naturals is
    variable t : t_nn_naturals(0 to n - 1);
  begin
    for i in t'range loop
      t(i) := i * i * 7 mod 256;
    end loop;
    return t;
  end function order;

  constant C_ZERO : t_nn_naturals(0 to 20 * 32 - 1) := (others => 0);

begin
  u : entity work.nn_stream_fetch
    generic map (8, 1, 256, 2, 1, 1, 0, 1, 1, 0, 1, 32, 1, 20, 32, false, C_ZERO(0 to 19), C_ZERO, order(20 * 32), X"00")
    port map (clk, rst, s_valid, s_ready, s_data, m_valid, m_ready, m_step, m_live, m_last, m_data);
end architecture rtl;

library ieee;
  use ieee.std_logic_1164.all;

entity fifo_deep is
  port (
    clk, rst, s_valid, m_ready : in  std_logic;
    s_ready, m_valid           : out std_logic;
    s_data                     : in  std_logic_vector(31 downto 0);
    m_data                     : out std_logic_vector(31 downto 0)
  );
end entity fifo_deep;

architecture rtl of fifo_deep is
begin
  u : entity work.nn_stream_fifo
    generic map (32, 512)
    port map (clk, rst, s_valid, s_ready, s_data, m_valid, m_ready, m_data);
end architecture rtl;

library ieee;
  use ieee.std_logic_1164.all;

entity fifo_small is
  port (
    clk, rst, s_valid, m_ready : in  std_logic;
    s_ready, m_valid           : out std_logic;
    s_data                     : in  std_logic_vector(31 downto 0);
    m_data                     : out std_logic_vector(31 downto 0)
  );
end entity fifo_small;

architecture rtl of fifo_small is
begin
  u : entity work.nn_stream_fifo
    generic map (32, 16)
    port map (clk, rst, s_valid, s_ready, s_data, m_valid, m_ready, m_data);
end architecture rtl;

-- 1-D convolution of three taps of 16 elements of 4 bits in two beats, four steps: positions have registers of their own
library ieee;
  use ieee.std_logic_1164.all;

entity window_steps is
  port (
    clk, rst, s_valid, m_ready        : in  std_logic;
    s_ready, m_valid, m_live, m_last  : out std_logic;
    s_data                            : in  std_logic_vector(31 downto 0);
    m_step                            : out std_logic_vector(1 downto 0);
    m_data                            : out std_logic_vector(6 * 32 - 1 downto 0)
  );
end entity window_steps;

architecture rtl of window_steps is
begin
  u : entity work.nn_stream_window
    generic map (32, 64, 2, 4, 64, 1, -1, 1, 3, 1, 0, 2, 1, 2, 2, 4, 1, (31 downto 0 => '0'))
    port map (clk, rst, s_valid, s_ready, s_data, m_valid, m_ready, m_step, m_live, m_last, m_data);
end architecture rtl;
