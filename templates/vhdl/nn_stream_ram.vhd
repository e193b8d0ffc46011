-- SPDX-License-Identifier: Apache-2.0
--
-- Memory of the streaming units: one port writes, one reads into a register. Block RAM or LUT RAM, as the tool sees fit.
--
-- What is at r_address at an edge with r_enable is at r_data after it. Nobody reads an address at the edge that writes it and uses the
-- result, so that any behaviour of the memory there will do.
library ieee;
  use ieee.std_logic_1164.all;

library work;
  use work.nn_stream_pkg.all;

entity nn_stream_ram is
  generic (
    WIDTH_G : positive;
    DEPTH_G : positive
  );
  port (
    clk       : in  std_logic;
    w_enable  : in  std_logic;
    w_address : in  natural range 0 to nn_top(DEPTH_G - 1);
    w_data    : in  std_logic_vector(WIDTH_G - 1 downto 0);
    r_enable  : in  std_logic;
    r_address : in  natural range 0 to nn_top(DEPTH_G - 1);
    r_data    : out std_logic_vector(WIDTH_G - 1 downto 0)
  );
end entity nn_stream_ram;

architecture rtl of nn_stream_ram is

  type t_memory is array (0 to nn_top(DEPTH_G - 1)) of std_logic_vector(WIDTH_G - 1 downto 0);
  signal memory : t_memory;

begin

  p_memory : process (clk)
  begin
    if rising_edge(clk) then
      if w_enable = '1' then
        memory(w_address) <= w_data;
      end if;
      if r_enable = '1' then
        r_data <= memory(r_address);
      end if;
    end if;
  end process p_memory;

end architecture rtl;
