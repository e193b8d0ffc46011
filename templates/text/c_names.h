/* short names, until the end of this file */
#define LOAD(bits, memory, row) @TOP@_LOAD_##bits(memory, row)
#define STORE(bits, memory, row, v) @TOP@_STORE_##bits(memory, row, v)
#define K(bits, v) @TOP@_K_##bits(v)
#define SEL(bits, c, x, y) @TOP@_SEL_##bits(c, x, y)
#define LT(bits, x, y) @TOP@_LT_##bits(x, y)
#define COUNT(bits, n, c) @TOP@_COUNT_##bits(n, c)
#define ADD_COUNT(bits, row, n) @TOP@_ADD_COUNT_##bits(row, n)
#define LUT(bits, v, a, table) @TOP@_LUT_##bits(v, a, table)
#define W16(w) @TOP@_W16(w)
#define W32(w) @TOP@_W32(w)
#define W64(w) @TOP@_W64(w)
#define s16 @TOP@_s16
#define s32 @TOP@_s32
#define s64 @TOP@_s64
#define s128 @TOP@_s128
#define u16 @TOP@_u16
#define u32 @TOP@_u32
#define u64 @TOP@_u64
#define u128 @TOP@_u128
