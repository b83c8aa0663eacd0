// SPDX-License-Identifier: Apache-2.0
#include "wire/xml.h"

#include <algorithm>
#include <optional>

#include "wire/errors.h"

namespace wire {
namespace {

using base::failed;
using base::Result;

constexpr int depth_max = 32;
constexpr std::size_t elements_max = 200000;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool is_name_byte(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '.' || c == ':' || static_cast<unsigned char>(c) >= 0x80;
}

void append_utf8(std::uint32_t point, std::string& out) {
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0 | (point >> 6));
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0 | (point >> 12));
    out += static_cast<char>(0x80 | ((point >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (point >> 18));
    out += static_cast<char>(0x80 | ((point >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((point >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  }
}

std::optional<std::uint32_t> character_number(std::string_view digits) {
  std::uint32_t base_of_digits = 10;
  if (digits.starts_with('x')) {
    base_of_digits = 16;
    digits.remove_prefix(1);
  }
  if (digits.empty() || digits.size() > 8) return std::nullopt;
  std::uint32_t point = 0;
  for (const char c : digits) {
    std::uint32_t digit = 99;
    if (c >= '0' && c <= '9') digit = static_cast<std::uint32_t>(c - '0');
    if (c >= 'a' && c <= 'f') digit = static_cast<std::uint32_t>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') digit = static_cast<std::uint32_t>(c - 'A' + 10);
    if (digit >= base_of_digits) return std::nullopt;
    point = point * base_of_digits + digit;
    if (point > 0x10FFFF) return std::nullopt;
  }
  if (point == 0 || (point >= 0xD800 && point < 0xE000)) return std::nullopt;
  return point;
}

class XmlReader {
 public:
  explicit XmlReader(std::string_view text) : text_(text) {}

  Result<XmlElement> document() {
    TRY(skip_between());
    XmlElement root;
    TRY(element(root, 0));
    TRY(skip_between());
    if (at_ != text_.size()) return bad("text after the end");
    return root;
  }

 private:
  base::Error bad(std::string_view what) const {
    return failed(errors::bad_answer, "XML answer: {} at byte {} of {}", what, at_, text_.size());
  }
  bool starts(std::string_view with) const { return text_.substr(at_).starts_with(with); }

  Result<void> skip_past(std::string_view end) {
    const std::size_t found = text_.find(end, at_);
    if (found == std::string_view::npos) return bad("something is not closed");
    at_ = found + end.size();
    return {};
  }

  // White space, comments and processing instructions outside of the root element.
  Result<void> skip_between() {
    if (at_ == 0 && starts("\xEF\xBB\xBF")) at_ = 3;
    while (at_ < text_.size()) {
      if (is_blank(text_[at_])) {
        ++at_;
      } else if (starts("<?")) {
        TRY(skip_past("?>"));
      } else if (starts("<!--")) {
        TRY(skip_past("-->"));
      } else {
        break;
      }
    }
    return {};
  }

  Result<std::string> name() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_name_byte(text_[at_])) ++at_;
    if (at_ == begin) return bad("a name is missing");
    std::string_view found = text_.substr(begin, at_ - begin);
    found.remove_prefix(found.rfind(':') + 1);
    return std::string(found);
  }

  // Up to and with the '>' of a start tag; true when it was "/>".
  Result<bool> rest_of_tag() {
    char quote = 0;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (quote != 0) {
        if (c == quote) quote = 0;
      } else if (c == '"' || c == '\'') {
        quote = c;
      } else if (c == '>') {
        ++at_;
        return text_[at_ - 2] == '/';
      } else if (c == '<') {
        break;
      }
    }
    return bad("a tag is not closed");
  }

  Result<void> element(XmlElement& out, int depth) {
    if (depth > depth_max || ++elements_ > elements_max) return bad("too deep or too many elements");
    if (!starts("<") || starts("<!")) return bad("an element is missing");
    ++at_;
    out.name = TRY(name());
    const bool empty = TRY(rest_of_tag());
    if (empty) return {};
    while (!starts("</")) TRY(content(out, depth));
    at_ += 2;
    const std::string closing = TRY(name());
    if (closing != out.name) return bad("another element is closed");
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
    if (!starts(">")) return bad("a tag is not closed");
    ++at_;
    return {};
  }

  Result<void> content(XmlElement& out, int depth) {
    if (at_ >= text_.size()) return bad("the end is missing");
    if (starts("<!--")) return skip_past("-->");
    if (starts("<?")) return skip_past("?>");
    if (starts("<![CDATA[")) {
      const std::size_t begin = at_ + 9;
      TRY(skip_past("]]>"));
      out.text += text_.substr(begin, at_ - 3 - begin);
      return {};
    }
    if (starts("<")) {
      out.children.emplace_back();
      return element(out.children.back(), depth + 1);
    }
    if (starts("&")) return reference(out.text);
    const std::size_t end = std::min(text_.find_first_of("<&", at_), text_.size());
    out.text += text_.substr(at_, end - at_);
    at_ = end;
    return {};
  }

  Result<void> reference(std::string& out) {
    const std::size_t end = text_.find(';', at_);
    if (end == std::string_view::npos || end - at_ > 12) return bad("a reference is not closed");
    const std::string_view what = text_.substr(at_ + 1, end - at_ - 1);
    if (what == "amp") {
      out += '&';
    } else if (what == "lt") {
      out += '<';
    } else if (what == "gt") {
      out += '>';
    } else if (what == "quot") {
      out += '"';
    } else if (what == "apos") {
      out += '\'';
    } else {
      const auto point = what.starts_with('#') ? character_number(what.substr(1)) : std::nullopt;
      if (!point) return bad("an unknown reference");
      append_utf8(*point, out);
    }
    at_ = end + 1;
    return {};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t elements_ = 0;
};

}  // namespace

const XmlElement* XmlElement::child(std::string_view wanted) const {
  const auto found =
      std::find_if(children.begin(), children.end(), [&](const auto& one) { return one.name == wanted; });
  return found == children.end() ? nullptr : &*found;
}

std::string_view XmlElement::value(std::string_view wanted) const {
  const XmlElement* found = child(wanted);
  return found == nullptr ? std::string_view() : std::string_view(found->text);
}

Result<XmlElement> parse_xml(std::string_view text) { return XmlReader(text).document(); }

std::string xml_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\r': out += "&#13;"; break;
      default: out += c;
    }
  }
  return out;
}

bool xml_can_carry(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
  });
}

}  // namespace wire
