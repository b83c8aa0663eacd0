// SPDX-License-Identifier: Apache-2.0
#include "wire/xml.h"

#include <gtest/gtest.h>

#include "wire/errors.h"

namespace wire {
namespace {

TEST(XmlTest, ReadsAListing) {
  const XmlElement root = parse_xml(R"(<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><!-- c --><IsTruncated>false</IsTruncated>
<Contents><Key>a&amp;b&#x20;&#252;</Key><Size>3</Size></Contents><s:Contents a='>'><Key><![CDATA[<k>]]></Key></s:Contents>
<Empty/></ListBucketResult>
)")
                              .take();
  EXPECT_EQ(root.name, "ListBucketResult");
  EXPECT_EQ(root.value("IsTruncated"), "false");
  ASSERT_EQ(root.children.size(), 4u);
  EXPECT_EQ(root.children[1].value("Key"), "a&b \xC3\xBC");
  EXPECT_EQ(root.children[2].name, "Contents");
  EXPECT_EQ(root.children[2].value("Key"), "<k>");
  EXPECT_EQ(root.value("Nothing"), "");
}

TEST(XmlTest, RefusesWhatIsBroken) {
  for (const char* bad : {"", "x", "<a>", "<a></b>", "<a", "<a><", "<a>&x;</a>", "<a>&#0;</a>", "<a>&#xD800;</a>",
                          "<a>&amp</a>", "<a/>x", "<!DOCTYPE a><a/>", "<a><!DOCTYPE b></a>", "<a b='></a>", "<a></a",
                          "< a/>", "<a><![CDATA[</a>", "<>", "</a>"}) {
    const auto read = parse_xml(bad);
    ASSERT_FALSE(read.ok()) << bad;
    EXPECT_TRUE(read.error().is(errors::bad_answer)) << bad;
  }
}

TEST(XmlTest, RefusesBottomlessDepth) {
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "<a>";
  EXPECT_FALSE(parse_xml(deep).ok());
}

TEST(XmlTest, EscapedTextReadsBack) {
  const std::string odd = "a<b>&\"'\r\n\t\xF0\x9F\x98\x80]]>";
  EXPECT_EQ(parse_xml("<k>" + xml_escaped(odd) + "</k>").take().text, odd);
  EXPECT_FALSE(xml_can_carry("\x01"));
  EXPECT_TRUE(xml_can_carry(odd));
}

}  // namespace
}  // namespace wire
