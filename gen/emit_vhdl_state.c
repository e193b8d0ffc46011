/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_vhdl_state.c - what a recurrent kernel has beside its stages: whose token is where, the state's memory, when the next token may
 * come.
 *
 * The state of all elements is one word, element 0 lowest. Stage `read` reads the word of the channel whose token it holds, stage `write`
 * writes it; the numbers beside the data (channel, first, due) go along from register to register as far as they are needed.
 */
#include "emit_vhdl.h"

int vhdl_read_stage(const Vhdl *x) {
  return x->k->read_stage + 1;
}

int vhdl_write_stage(const Vhdl *x) {
  return x->k->write_stage + 1;
}

static int low_bit(const Kernel *k, int element, const HirState **of) {
  int low = 0;
  const HirState *s = k->state;
  for (; element >= s->first + s->n; s++)
    low += s->n * s->fmt.W;
  if (of)
    *of = s;
  return low + (element - s->first) * s->fmt.W;
}

static bool counts_steps(const Kernel *k) {
  return k->steps != 1;
}

/* Whether some token's outputs do not count. */
static bool has_due(const Kernel *k) {
  return k->steps > 1 && !k->each_step;
}

void vhdl_state_ports(Buf *b, const Vhdl *x) {
  if (hir_interval_cycles(x->k) > 1)
    buf_puts(b, "    in_ready  : out std_logic;\n");
}

void vhdl_state_header(Buf *b, const Vhdl *x) {
  const Kernel *k = x->k;
  int interval = hir_interval_cycles(k);
  if (x->e->part) {
    buf_printf(b, "-- Stage %d reads and writes the state (%d bits), which is kept until the next reset.\n", vhdl_read_stage(x),
               hir_state_bits(k));
    return;
  }
  buf_printf(b, "--\n-- Recurrent: in_data is one token (time step). ");
  if (k->channels > 1)
    buf_printf(b, "%d channels take turns, a token each, channel 0 first after a reset.\n", k->channels);
  else
    buf_puts(b, "One channel.\n");
  if (k->steps && k->each_step)
    buf_printf(b, "-- The state starts anew every %d tokens of a channel.\n", k->steps);
  else if (k->steps)
    buf_printf(b, "-- %d tokens of a channel are a window: out_valid comes with its last one, then the channel's state starts anew.\n",
               k->steps);
  else
    buf_puts(b, "-- The state is kept until the next reset.\n");
  buf_printf(
      b, "-- Stage %d reads the state (%d bits a channel), stage %d writes it: %d cycles from a channel's token to its next at least,\n",
      vhdl_read_stage(x), hir_state_bits(k), vhdl_write_stage(x), hir_loop(k));
  if (interval == 1)
    buf_puts(b, "-- which the channels fill: a token may come in every cycle.\n");
  else
    buf_printf(
        b,
        "-- so a token is taken every %d cycles: one that comes while in_ready is low is ignored. %d channels would fill the pipeline.\n",
        interval, hir_loop(k));
}

/* Of a part, a register for each element. */
static void part_signals(Buf *b, const Vhdl *x) {
  buf_puts(b, "  -- the state, as the last token left it\n");
  for (int e = 0; e < x->k->n_state; e++) {
    int i = x->state_value[e];
    if (i < 0)
      continue;
    buf_printf(b, "  signal state_%s : ", x->name[i]);
    vhdl_type(b, hir_signed(&x->k->v[i]), hir_width(&x->k->v[i]));
    buf_puts(b, ";\n");
  }
  buf_puts(b, "\n");
}

void vhdl_state_signals(Buf *b, const Vhdl *x) {
  const Kernel *k = x->k;
  if (x->e->part) {
    part_signals(b, x);
    return;
  }
  int interval = hir_interval_cycles(k), bits = hir_state_bits(k);
  Buf init = {0};
  char *text = mem_alloc((size_t)bits + 1);
  for (int i = 0; i < k->n_states; i++)
    for (int e = 0; e < k->state[i].n; e++) {
      int low = low_bit(k, k->state[i].first + e, NULL);
      for (int bit = 0; bit < k->state[i].fmt.W; bit++)
        text[bits - 1 - low - bit] = (char)('0' + ((uint64_t)k->state[i].init[e] >> bit & 1));
    }
  bool zero = strspn(text, "0") == (size_t)bits;
  buf_printf(&init, zero ? "(others => '0')" : "\"%s\"", text);
  buf_puts(b, "  -- Beside the data: its channel, whether the state is the initial one, whether outputs count.\n");
  if (k->channels > 1) {
    buf_printf(b, "  type t_channels is array (0 to %d) of natural range 0 to %d;\n", vhdl_write_stage(x) - 1, k->channels - 1);
    buf_puts(b, "  signal channel : t_channels := (others => 0);\n");
    buf_printf(b, "  signal turn : natural range 0 to %d; -- channel of the next token\n", k->channels - 1);
  }
  buf_printf(b, "  signal first : std_logic_vector(0 to %d);\n", vhdl_read_stage(x) - 1);
  if (has_due(k))
    buf_printf(b, "  signal due : std_logic_vector(0 to %d);\n", x->stages);
  if (counts_steps(k))
    buf_printf(b, "  signal step : natural range 0 to %d; -- of the next token%s\n", k->steps ? k->steps - 1 : 1,
               k->steps ? "" : "; 1: not a channel's first");
  if (interval > 1)
    buf_printf(b, "  signal waits : natural range 0 to %d; -- cycles until a token can be taken\n", interval - 1);
  buf_puts(b, "  signal take : std_logic;\n");
  if (k->channels > 1) {
    buf_printf(b, "  type t_state is array (0 to %d) of std_logic_vector(%d downto 0);\n", k->channels - 1, bits - 1);
    buf_puts(b, "  signal state : t_state := (others => (others => '0'));\n");
  } else {
    buf_printf(b, "  signal state : std_logic_vector(%d downto 0);\n", bits - 1);
  }
  buf_printf(b, "  constant C_INITIAL : std_logic_vector(%d downto 0) := %s;\n\n", bits - 1, init.s);
}

/* "name <= <input> & name(0 to n - 1);" of a vector with bits 0 to n */
static void shift(Buf *b, const char *name, const char *input, int n) {
  if (n)
    buf_printf(b, "      %s <= %s & %s(0 to %d);\n", name, input, name, n - 1);
  else
    buf_printf(b, "      %s(0) <= %s;\n", name, input);
}

void vhdl_state_control(Buf *b, const Vhdl *x) {
  const Kernel *k = x->k;
  int interval = hir_interval_cycles(k);
  if (interval > 1)
    buf_puts(b, "  take     <= in_valid when waits = 0 else '0';\n  in_ready <= '1' when waits = 0 else '0';\n");
  else
    buf_puts(b, "  take <= in_valid;\n");
  buf_puts(b, "\n  p_tokens : process (clk)\n");
  buf_puts(b, "    variable is_first : std_logic;\n");
  if (has_due(k))
    buf_puts(b, "    variable is_last : std_logic;\n");
  buf_puts(b, "  begin\n    if rising_edge(clk) then\n");
  if (counts_steps(k)) {
    buf_puts(b, "      is_first := '0';\n      if step = 0 then\n        is_first := '1';\n      end if;\n");
    if (has_due(k))
      buf_printf(b, "      is_last := '0';\n      if step = %d then\n        is_last := '1';\n      end if;\n", k->steps - 1);
  } else {
    buf_puts(b, "      is_first := '1';\n");
  }
  shift(b, "valid", "take", x->stages);
  shift(b, "first", "is_first", vhdl_read_stage(x) - 1);
  if (has_due(k))
    shift(b, "due", "is_last", x->stages);
  if (k->channels > 1)
    shift(b, "channel", "turn", vhdl_write_stage(x) - 1);
  if (interval > 1)
    buf_printf(b,
               "      if take = '1' then\n        waits <= %d;\n      elsif waits > 0 then\n        waits <= waits - 1;\n      end if;\n",
               interval - 1);
  if (counts_steps(k) || k->channels > 1) {
    const char *in = k->channels > 1 ? "          " : "        ";
    buf_puts(b, "      if take = '1' then\n");
    if (k->channels > 1)
      buf_printf(b, "        if turn = %d then\n          turn <= 0;\n", k->channels - 1);
    if (k->steps > 1)
      buf_printf(b, "%sif step = %d then\n%s  step <= 0;\n%selse\n%s  step <= step + 1;\n%send if;\n", in, k->steps - 1, in, in, in, in);
    else if (counts_steps(k))
      buf_printf(b, "%sstep <= 1;\n", in);
    if (k->channels > 1)
      buf_puts(b, "        else\n          turn <= turn + 1;\n        end if;\n");
    buf_puts(b, "      end if;\n");
  }
  buf_puts(b, "      if rst = '1' then\n        valid <= (others => '0');\n");
  if (k->channels > 1)
    buf_puts(b, "        turn <= 0;\n");
  if (counts_steps(k))
    buf_puts(b, "        step <= 0;\n");
  if (interval > 1)
    buf_puts(b, "        waits <= 0;\n");
  buf_puts(b, "      end if;\n    end if;\n  end process p_tokens;\n\n");
  if (has_due(k))
    buf_printf(b, "  out_valid <= valid(%d) and due(%d);\n\n", x->stages, x->stages);
  else
    buf_printf(b, "  out_valid <= valid(%d);\n\n", x->stages);
}

void vhdl_state_variables(Buf *b, const Vhdl *x, int stage) {
  if (x->e->part)
    return;
  int bits = hir_state_bits(x->k);
  if (stage == vhdl_read_stage(x))
    buf_printf(b, "    variable state_read : std_logic_vector(%d downto 0);\n", bits - 1);
  if (stage == vhdl_write_stage(x))
    buf_printf(b, "    variable state_write : std_logic_vector(%d downto 0);\n", bits - 1);
}

void vhdl_state_read(Buf *b, const Vhdl *x, int stage) {
  const Kernel *k = x->k;
  if (stage != vhdl_read_stage(x))
    return;
  if (x->e->part) {
    for (int e = 0; e < k->n_state; e++)
      if (x->state_value[e] >= 0)
        buf_printf(b, "      %s := state_%s;\n", x->name[x->state_value[e]], x->name[x->state_value[e]]);
    return;
  }
  buf_puts(b, "      -- the state that the channel's last token left\n");
  buf_printf(b, "      state_read := state%s;\n", k->channels > 1 ? mem_printf("(channel(%d))", stage - 1) : "");
  buf_printf(b, "      if first(%d) = '1' then\n        state_read := C_INITIAL;\n      end if;\n", stage - 1);
  for (int i = 0; i < k->n; i++) {
    const HirValue *v = &k->v[i];
    if (!hir_is_state(k, v) || !x->live[i] || vhdl_is_const(x, i))
      continue;
    int low = low_bit(k, v->imm - k->n_in, NULL);
    buf_printf(b, "      %s := %s(state_read(%d downto %d));\n", x->name[i], hir_signed(v) ? "signed" : "unsigned", low + hir_width(v) - 1,
               low);
  }
}

static void part_write(Buf *b, const Vhdl *x, int stage) {
  buf_printf(b, "\n      -- the state for the next token\n      if valid(%d) = '1' then\n", stage - 1);
  for (int e = 0; e < x->k->n_state; e++) {
    int i = x->state_value[e];
    if (i < 0)
      continue;
    buf_printf(b, "        state_%s <= ", x->name[i]);
    vhdl_operand(b, x, x->k->out[x->k->n_out + e], stage, hir_signed(&x->k->v[i]), hir_width(&x->k->v[i]));
    buf_puts(b, ";\n");
  }
  buf_puts(b, "      end if;\n");
}

void vhdl_state_write(Buf *b, const Vhdl *x, int stage) {
  const Kernel *k = x->k;
  if (stage != vhdl_write_stage(x))
    return;
  if (x->e->part) {
    part_write(b, x, stage);
    return;
  }
  buf_puts(b, "\n      -- the state for the channel's next token\n");
  for (int e = 0; e < k->n_state; e++) {
    const HirState *s;
    int low = low_bit(k, e, &s);
    buf_printf(b, "      state_write(%d downto %d) := std_logic_vector(", low + s->fmt.W - 1, low);
    vhdl_operand(b, x, k->out[k->n_out + e], stage, s->fmt.is_signed, s->fmt.W);
    buf_puts(b, ");\n");
  }
  buf_printf(b, "      if valid(%d) = '1' then\n        state%s <= state_write;\n      end if;\n", stage - 1,
             k->channels > 1 ? mem_printf("(channel(%d))", stage - 1) : "");
}

/* Of a part: without a word a channel in memory, the reset itself can set the state, and nothing stands before the adders. */
void vhdl_state_reset(Buf *b, const Vhdl *x, int stage) {
  if (!x->e->part || stage != vhdl_write_stage(x))
    return;
  buf_puts(b, "      if rst = '1' then\n");
  for (int s = 0; s < x->k->n_states; s++)
    for (int e = 0; e < x->k->state[s].n; e++) {
      int i = x->state_value[x->k->state[s].first + e];
      if (i < 0)
        continue;
      buf_printf(b, "        state_%s <= ", x->name[i]);
      if (x->k->state[s].init[e])
        vhdl_const(b, x->k->state[s].init[e], hir_signed(&x->k->v[i]), hir_width(&x->k->v[i]));
      else
        buf_puts(b, "(others => '0')");
      buf_puts(b, ";\n");
    }
  buf_puts(b, "      end if;\n");
}
