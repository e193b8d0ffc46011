@RUN@
/* ---- numbers ---- */

@QUANTIZE@
void @TOP@_dequantize(const @TOP@_out_t *out, double *y, size_t n) {
  size_t i, e;
  for (i = 0; i < n; i++, out += @TOP@_OUT, y += @TOP@_OUT) {
@DEQUANTIZE@  }
}

@FLOAT@/* ---- names ---- */

const char *@TOP@_site_name(int site) {
  static const char *const name[] = {@SITE_NAMES@};
  return site >= 0 && site < @TOP@_SITES ? name[site] : "";
}

int @TOP@_site_kind(int site) {
  static const int kind[] = {@SITE_KINDS@};
  return site >= 0 && site < @TOP@_SITES ? kind[site] : 0;
}

const char *@TOP@_layer_name(int layer) {
  static const char *const name[] = {@LAYER_NAMES@};
  return layer >= 0 && layer < @TOP@_LAYERS ? name[layer] : "";
}

int @TOP@_layer_size(int layer) {
  static const int size[] = {@LAYER_SIZES@};
  return layer >= 0 && layer < @TOP@_LAYERS ? size[layer] : 0;
}

#undef LOAD
#undef STORE
#undef K
#undef SEL
#undef LT
#undef COUNT
#undef ADD_COUNT
#undef LUT
#undef W16
#undef W32
#undef W64
#undef s16
#undef s32
#undef s64
#undef s128
#undef u16
#undef u32
#undef u64
#undef u128
