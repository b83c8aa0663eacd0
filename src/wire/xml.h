// SPDX-License-Identifier: Apache-2.0
//
// Reads the small XML answers of S3 and STS into a tree: elements and text. Attributes, comments, processing
// instructions and name spaces are skipped; a document type is refused, so there are no entities beyond the five of
// XML and character references. Checks every byte (fuzz target) and bounds depth and count. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace wire {

struct XmlElement {
  std::string name;  // without a name space prefix
  std::string text;  // all text directly inside, references resolved
  std::vector<XmlElement> children;

  // The first child of that name, or nullptr.
  const XmlElement* child(std::string_view wanted) const;
  // The text of that child, or "".
  std::string_view value(std::string_view wanted) const;
};

// Fails with wire.bad_answer naming the byte.
base::Result<XmlElement> parse_xml(std::string_view text);

std::string xml_escaped(std::string_view text);
// Whether XML 1.0 can carry these bytes at all.
bool xml_can_carry(std::string_view text);

}  // namespace wire
