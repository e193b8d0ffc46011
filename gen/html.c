/* SPDX-License-Identifier: Apache-2.0
 *
 * html.c - numbers and untrusted text for report.html.
 */
#include "report_html.h"
#include <inttypes.h>
#include <math.h>

static const char *escaped(const char *text) {
  Buf b = {0};
  for (; *text; text++)
    switch (*text) {
    case '&':
      buf_puts(&b, "&amp;");
      break;
    case '<':
      buf_puts(&b, "&lt;");
      break;
    case '>':
      buf_puts(&b, "&gt;");
      break;
    case '"':
      buf_puts(&b, "&quot;");
      break;
    case '\'':
      buf_puts(&b, "&#39;");
      break;
    default:
      buf_write(&b, text, 1);
    }
  return b.s ? b.s : "";
}

const char *html_text(const char *s) {
  return escaped(diag_text(s ? s : ""));
}

const char *html_command(const char *s) {
  char *text = mem_strdup(s ? s : "");
  for (char *c = text; *c; c++)
    if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
      *c = '?';
  return escaped(text);
}

const char *html_count(int64_t n) {
  char digits[24];
  Buf b = {0};
  int len = snprintf(digits, sizeof digits, "%" PRIu64, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
  if (n < 0)
    buf_puts(&b, "−");
  for (int i = 0; i < len; i++)
    buf_printf(&b, "%s%c", i && (len - i) % 3 == 0 ? "," : "", digits[i]);
  return b.s;
}

const char *html_number(double v) {
  if (!isfinite(v))
    return isnan(v) ? "–" : v < 0 ? "−∞" : "∞";
  char text[32];
  snprintf(text, sizeof text, "%.3g", fabs(v));
  char *e = strchr(text, 'e');
  if (!e)
    return mem_printf("%s%s", v < 0 ? "−" : "", text);
  int exponent = 0;
  sscanf(e + 1, "%d", &exponent);
  return mem_printf("%s%.*s·10<sup>%s%d</sup>", v < 0 ? "−" : "", (int)(e - text), text, exponent < 0 ? "−" : "",
                    exponent < 0 ? -exponent : exponent);
}

const char *html_percent(double share) {
  return isfinite(share) ? mem_printf("%s%.2f\u00a0%%", share < 0 ? "−" : "", fabs(100 * share)) : "–";
}

const char *html_format(Format f) {
  return f.W ? mem_printf("%s&lt;%d,%d&gt;", f.is_signed ? "" : "u", f.W, f.I) : "exact";
}
