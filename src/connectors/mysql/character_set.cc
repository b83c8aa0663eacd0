// SPDX-License-Identifier: Apache-2.0
//
// Sets of several bytes go through iconv, but for characters that the servers take for others than it does: their codes
// stand in tables here, in runs of neighbours, after the servers themselves (as character_tables.cc).
#include "connectors/mysql/character_set.h"

#include <iconv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>

#include "connectors/mysql/character_tables.h"

namespace mysql {

// Codes from first to last are the characters from `character` on; 0: there is none.
struct Run {
  std::uint32_t first, last, character;
};

struct SeveralBytesSet {
  std::string_view name;
  const char* system_name;
  std::span<const Run> runs;
};

namespace {

using base::failed;
using base::Result;

void append_character(std::uint32_t code, std::string& out) {
  if (code < 0x80) {
    out += static_cast<char>(code);
    return;
  }
  char bytes[4];
  std::size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  for (std::size_t i = size; --i > 0; code >>= 6) bytes[i] = static_cast<char>(0x80 | (code & 0x3f));
  constexpr std::array<unsigned, 5> leads{0, 0, 0xc0, 0xe0, 0xf0};
  bytes[0] = static_cast<char>(leads[size] | code);
  out.append(bytes, size);
}

unsigned byte_at(std::string_view bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }

std::size_t ascii_prefix(std::string_view bytes) {
  std::size_t size = 0;
  while (size < bytes.size() && byte_at(bytes, size) < 0x80) ++size;
  return size;
}

bool is_surrogate(std::uint32_t code) { return code >= 0xd800 && code < 0xe000; }

// Size of the character at the front; 0: it is none.
std::size_t utf8_character(std::string_view rest) {
  const unsigned lead = byte_at(rest, 0);
  const std::size_t size = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (size == 0 || rest.size() < size) return 0;
  std::uint32_t code = size == 1 ? lead : lead & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte_at(rest, i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte_at(rest, i) & 0x3f);
  }
  const bool is_short = (size == 3 && code < 0x800) || (size == 4 && (code < 0x10000 || code > 0x10ffff));
  return is_short || is_surrogate(code) ? 0 : size;
}

bool append_utf8(std::string_view bytes, std::size_t size_max, std::string& out) {
  for (std::size_t at = ascii_prefix(bytes); at < bytes.size();) {
    const std::size_t size = utf8_character(bytes.substr(at));
    if (size == 0 || size > size_max) return false;
    at += size;
    at += ascii_prefix(bytes.substr(at));
  }
  out.append(bytes);
  return true;
}

bool append_single(std::string_view bytes, const HighBytes& table, std::string& out) {
  while (!bytes.empty()) {
    const std::size_t plain = ascii_prefix(bytes);
    out.append(bytes.substr(0, plain));
    bytes.remove_prefix(plain);
    if (bytes.empty()) break;
    const std::uint16_t code = table[byte_at(bytes, 0) - 0x80];
    if (code == 0) return false;
    append_character(code, out);
    bytes.remove_prefix(1);
  }
  return true;
}

// Units of two bytes; `has_pairs`: those of UTF-16, else UCS-2, which has none.
bool append_utf16(std::string_view bytes, bool is_little, bool has_pairs, std::string& out) {
  if (bytes.size() % 2 != 0) return false;
  const auto unit = [&](std::size_t at) -> std::uint32_t {
    return is_little ? byte_at(bytes, at + 1) << 8 | byte_at(bytes, at)
                     : byte_at(bytes, at) << 8 | byte_at(bytes, at + 1);
  };
  for (std::size_t at = 0; at < bytes.size(); at += 2) {
    std::uint32_t code = unit(at);
    if (is_surrogate(code)) {
      if (!has_pairs || code >= 0xdc00 || at + 2 >= bytes.size()) return false;
      const std::uint32_t low = unit(at + 2);
      if (low < 0xdc00 || low >= 0xe000) return false;
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      at += 2;
    }
    append_character(code, out);
  }
  return true;
}

bool append_utf32(std::string_view bytes, std::string& out) {
  if (bytes.size() % 4 != 0) return false;
  for (std::size_t at = 0; at < bytes.size(); at += 4) {
    const std::uint32_t code =
        byte_at(bytes, at) << 24 | byte_at(bytes, at + 1) << 16 | byte_at(bytes, at + 2) << 8 | byte_at(bytes, at + 3);
    if (code > 0x10ffff || is_surrogate(code)) return false;
    append_character(code, out);
  }
  return true;
}

// ---- sets of several bytes ----

constexpr std::array big5_runs{
    Run{0xa145, 0xa145, 0x2022}, Run{0xa14e, 0xa14e, 0xff64}, Run{0xa15a, 0xa15a, 0xfffd}, Run{0xa1c2, 0xa1c2, 0x203e},
    Run{0xa1c3, 0xa1c3, 0xfffd}, Run{0xa1c5, 0xa1c5, 0xfffd}, Run{0xa1e3, 0xa1e3, 0x223c}, Run{0xa1f2, 0xa1f2, 0x2641},
    Run{0xa1f3, 0xa1f3, 0x2609}, Run{0xa1fe, 0xa1fe, 0xfffd}, Run{0xa240, 0xa240, 0xfffd}, Run{0xa241, 0xa241, 0xff0f},
    Run{0xa242, 0xa242, 0xff3c}, Run{0xa244, 0xa244, 0xa5},   Run{0xa246, 0xa247, 0xa2},   Run{0xa2cc, 0xa2cc, 0xfffd},
    Run{0xa2ce, 0xa2ce, 0xfffd}, Run{0xc6a1, 0xc6a1, 0x30fe}, Run{0xc6a2, 0xc6a3, 0x309d}, Run{0xc6a4, 0xc6a4, 0x3005},
    Run{0xc6a5, 0xc6f7, 0x3041}, Run{0xc6f8, 0xc6fe, 0x30a1}, Run{0xc740, 0xc77e, 0x30a8}, Run{0xc7a1, 0xc7b0, 0x30e7},
    Run{0xc7b1, 0xc7b2, 0x414},  Run{0xc7b3, 0xc7b3, 0x401},  Run{0xc7b4, 0xc7ba, 0x416},  Run{0xc7bb, 0xc7cd, 0x423},
    Run{0xc7ce, 0xc7ce, 0x451},  Run{0xc7cf, 0xc7e8, 0x436},  Run{0xc7e9, 0xc7f2, 0x2460}, Run{0xc7f3, 0xc7fc, 0x2474}};
constexpr std::array gb18030_runs{
    Run{0xa6d9, 0xa6df, 0xe78d},         Run{0xa6ec, 0xa6ed, 0xe794},         Run{0xa6f3, 0xa6f3, 0xe796},
    Run{0xfe51, 0xfe53, 0xe816},         Run{0xfe59, 0xfe59, 0xe81e},         Run{0xfe61, 0xfe61, 0xe826},
    Run{0xfe66, 0xfe67, 0xe82b},         Run{0xfe6c, 0xfe6d, 0xe831},         Run{0xfe76, 0xfe76, 0xe83b},
    Run{0xfe7e, 0xfe7e, 0xe843},         Run{0xfe90, 0xfe91, 0xe854},         Run{0xfea0, 0xfea0, 0xe864},
    Run{0x82359037, 0x82359039, 0x9fb4}, Run{0x82359130, 0x82359134, 0x9fb7}, Run{0x84318236, 0x84318239, 0xfe10},
    Run{0x84318330, 0x84318335, 0xfe14}};
constexpr std::array sjis_runs{Run{0x5c, 0x5c, 0x5c}, Run{0x7e, 0x7e, 0x7e}, Run{0x815f, 0x815f, 0x5c}};
constexpr std::array ujis_runs{Run{0xa1c0, 0xa1c0, 0x5c},     Run{0xa1c1, 0xa1c1, 0x301c},  Run{0xa1c2, 0xa1c2, 0x2016},
                               Run{0xa1dd, 0xa1dd, 0x2212},   Run{0xa1f1, 0xa1f2, 0xa2},    Run{0xa2cc, 0xa2cc, 0xac},
                               Run{0x8fa2b7, 0x8fa2b7, 0x7e}, Run{0x8fa2c3, 0x8fa2c3, 0xa6}};
// One byte a character, of which only these are not ASCII's.
constexpr std::array swe7_runs{Run{0x40, 0x40, 0xc9}, Run{0x5b, 0x5b, 0xc4}, Run{0x5c, 0x5c, 0xd6},
                               Run{0x5d, 0x5d, 0xc5}, Run{0x5e, 0x5e, 0xdc}, Run{0x60, 0x60, 0xe9},
                               Run{0x7b, 0x7b, 0xe4}, Run{0x7c, 0x7c, 0xf6}, Run{0x7d, 0x7d, 0xe5},
                               Run{0x7e, 0x7e, 0xfc}, Run{0x7f, 0x7f, 0}};

constexpr std::array several_bytes_sets{SeveralBytesSet{"big5", "BIG5", big5_runs},
                                        SeveralBytesSet{"cp932", "CP932", {}},
                                        SeveralBytesSet{"eucjpms", "EUC-JP-MS", {}},
                                        SeveralBytesSet{"euckr", "UHC", {}},
                                        SeveralBytesSet{"gb18030", "GB18030", gb18030_runs},
                                        SeveralBytesSet{"gb2312", "EUC-CN", {}},
                                        SeveralBytesSet{"gbk", "GBK", {}},
                                        SeveralBytesSet{"sjis", "SJIS", sjis_runs},
                                        SeveralBytesSet{"swe7", "ASCII", swe7_runs},
                                        SeveralBytesSet{"ujis", "EUC-JP-MS", ujis_runs}};

const Run* run_of(std::span<const Run> runs, std::uint32_t code) {
  const auto found =
      std::find_if(runs.begin(), runs.end(), [&](const Run& run) { return run.first <= code && code <= run.last; });
  return found == runs.end() ? nullptr : &*found;
}

}  // namespace

struct TextConverter::System {
  System(iconv_t opened, const SeveralBytesSet& of) : conversion(opened), set(of) {}
  ~System() { iconv_close(conversion); }
  System(const System&) = delete;
  System& operator=(const System&) = delete;

  bool convert(std::string_view bytes, std::string& out) const;
  bool convert_with_runs(std::string_view bytes, std::string& out) const;
  std::size_t character_size(std::string_view rest) const;

  iconv_t conversion;
  const SeveralBytesSet& set;
};

bool TextConverter::System::convert(std::string_view bytes, std::string& out) const {
  iconv(conversion, nullptr, nullptr, nullptr, nullptr);
  char* from = const_cast<char*>(bytes.data());
  std::size_t left = bytes.size();
  while (left > 0) {
    char buffer[512];
    char* to = buffer;
    std::size_t room = sizeof buffer;
    const std::size_t result = iconv(conversion, &from, &left, &to, &room);
    out.append(buffer, to);
    if (result == static_cast<std::size_t>(-1) && errno != E2BIG) return false;
  }
  return true;
}

std::size_t TextConverter::System::character_size(std::string_view rest) const {
  const unsigned lead = byte_at(rest, 0);
  if (lead < 0x80) return 1;
  if (set.name == "sjis") return lead >= 0xa0 && lead < 0xe0 ? 1 : 2;
  if (set.name == "ujis") return lead == 0x8f ? 3 : 2;
  const bool is_four = set.name == "gb18030" && rest.size() > 1 && byte_at(rest, 1) >= 0x30 && byte_at(rest, 1) < 0x40;
  return is_four ? 4 : 2;
}

bool TextConverter::System::convert_with_runs(std::string_view bytes, std::string& out) const {
  std::size_t pending = 0;  // bytes in front that iconv will do
  while (pending < bytes.size()) {
    const std::size_t size = character_size(bytes.substr(pending));
    if (bytes.size() - pending < size) return false;
    std::uint32_t code = 0;
    for (std::size_t i = 0; i < size; ++i) code = code << 8 | byte_at(bytes, pending + i);
    const Run* run = run_of(set.runs, code);
    if (run == nullptr) {
      pending += size;
      continue;
    }
    if (run->character == 0 || !convert(bytes.substr(0, pending), out)) return false;
    append_character(run->character + (code - run->first), out);
    bytes.remove_prefix(pending + size);
    pending = 0;
  }
  return convert(bytes, out);
}

TextConverter::TextConverter() = default;
TextConverter::~TextConverter() = default;
TextConverter::TextConverter(TextConverter&&) noexcept = default;
TextConverter& TextConverter::operator=(TextConverter&&) noexcept = default;

Result<TextConverter> TextConverter::open(std::string_view character_set) {
  struct Known {
    std::string_view name;
    Way way;
  };
  constexpr std::array known{Known{"", Way::bytes},          Known{"binary", Way::bytes},
                             Known{"utf8mb4", Way::utf8},    Known{"utf8mb3", Way::utf8mb3},
                             Known{"utf8", Way::utf8mb3},    Known{"ascii", Way::ascii},
                             Known{"ucs2", Way::ucs2},       Known{"utf16", Way::utf16},
                             Known{"utf16le", Way::utf16le}, Known{"utf32", Way::utf32}};
  TextConverter made;
  for (const Known& one : known) {
    if (one.name != character_set) continue;
    made.way_ = one.way;
    return made;
  }
  made.single_ = single_byte_set(character_set);
  made.way_ = Way::single;
  if (made.single_ != nullptr) return made;
  for (const SeveralBytesSet& set : several_bytes_sets) {
    if (set.name != character_set) continue;
    const iconv_t opened = iconv_open("UTF-8", set.system_name);
    if (opened == reinterpret_cast<iconv_t>(-1)) break;  // NOLINT: as iconv_open says it
    made.way_ = Way::system;
    made.system_ = std::make_unique<System>(opened, set);
    return made;
  }
  return failed(errors::unknown_character_set, "character set {}", character_set);
}

bool TextConverter::append(std::string_view bytes, std::string& out) {
  const std::size_t start = out.size();
  bool good = false;
  switch (way_) {
    case Way::bytes:
      out.append(bytes);
      good = true;
      break;
    case Way::utf8: good = append_utf8(bytes, 4, out); break;
    case Way::utf8mb3: good = append_utf8(bytes, 3, out); break;
    case Way::ascii:
      good = ascii_prefix(bytes) == bytes.size();
      if (good) out.append(bytes);
      break;
    case Way::single: good = append_single(bytes, *single_, out); break;
    case Way::ucs2: good = append_utf16(bytes, false, false, out); break;
    case Way::utf16: good = append_utf16(bytes, false, true, out); break;
    case Way::utf16le: good = append_utf16(bytes, true, true, out); break;
    case Way::utf32: good = append_utf32(bytes, out); break;
    case Way::system:
      good = system_->set.runs.empty() ? system_->convert(bytes, out) : system_->convert_with_runs(bytes, out);
      break;
  }
  if (!good) out.resize(start);
  return good;
}

}  // namespace mysql
