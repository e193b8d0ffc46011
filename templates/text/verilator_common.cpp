typedef std::vector<uint32_t> Word; // bit i of the port is bit i % 32 of element i / 32

[[noreturn]] void fail(const char *format, ...) {
  std::fputs("FAIL: ", stdout);
  va_list args;
  va_start(args, format);
  std::vprintf(format, args);
  va_end(args);
  std::putchar('\n');
  std::exit(1);
}

// Verilator's ports are plain integers up to 64 bits, above that an array of 32-bit words.
template <class T> void set_port(T &port, const Word &w) { port = static_cast<T>(w.size() > 1 ? w[0] | uint64_t(w[1]) << 32 : w[0]); }
template <std::size_t N> void set_port(VlWide<N> &port, const Word &w) {
  for (std::size_t i = 0; i < N; i++)
    port[i] = w[i];
}
template <class T> void get_port(const T &port, Word &w) {
  w[0] = static_cast<uint32_t>(port);
  if (w.size() > 1)
    w[1] = static_cast<uint32_t>(uint64_t(port) >> 32);
}
template <std::size_t N> void get_port(const VlWide<N> &port, Word &w) {
  for (std::size_t i = 0; i < N; i++)
    w[i] = port[i];
}

int64_t element(const Word &w, unsigned low, unsigned width, bool is_signed) {
  uint64_t bits = 0;
  for (unsigned i = 0; i < width;) {
    unsigned at = low + i, n = 32 - at % 32;
    bits |= uint64_t(w[at / 32] >> at % 32) << i;
    i += n;
  }
  if (width < 64) {
    bits &= (uint64_t(1) << width) - 1;
    if (is_signed && bits >> (width - 1))
      bits |= ~uint64_t(0) << width;
  }
  return static_cast<int64_t>(bits);
}

struct File {
  std::string name;
  unsigned bits;
  std::vector<Word> vectors;

  File(const std::string &path, unsigned bits_, unsigned elements) : name(path), bits(bits_) {
    std::FILE *f = std::fopen(path.c_str(), "r");
    if (!f)
      fail("cannot read %s", path.c_str());
    std::vector<char> line((bits + 3) / 4 + 200);
    unsigned long count = 0, file_bits = 0, file_elements = 0;
    if (!std::fgets(line.data(), int(line.size()), f) ||
        std::sscanf(line.data(), "# nngen vectors N=%lu bits=%lu elements=%lu", &count, &file_bits, &file_elements) != 3)
      fail("%s: line 1 is no header of an nngen vector file", path.c_str());
    if (file_bits != bits || file_elements != elements)
      fail("%s: made for another design", path.c_str());
    while (std::fgets(line.data(), int(line.size()), f))
      add(line.data());
    std::fclose(f);
    if (vectors.empty() || vectors.size() != count)
      fail("%s: %zu vectors, but the header promises %lu", path.c_str(), vectors.size(), count);
  }

  void add(char *text) {
    std::size_t digits = std::strcspn(text, " \r\n"), expected = (bits + 3) / 4;
    if (digits != expected)
      fail("%s: line %zu has %zu digits, not %zu", name.c_str(), vectors.size() + 2, digits, expected);
    Word w((bits + 31) / 32);
    for (std::size_t i = 0; i < digits; i++) {
      const char *all = "0123456789abcdef", *at = std::strchr(all, text[i] | 0x20);
      std::size_t bit = 4 * (digits - 1 - i);
      if (!at || !*at || (bits - bit < 4 && (at - all) >> (bits - bit)))
        fail("%s: line %zu: bad digit '%c'", name.c_str(), vectors.size() + 2, text[i]);
      w[bit / 32] |= uint32_t(at - all) << bit % 32;
    }
    vectors.push_back(w);
  }
};

uint64_t random_bits() {
  static uint64_t s = 88172645463325252u;
  s ^= s << 13;
  s ^= s >> 7;
  s ^= s << 17;
  return s;
}
