#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "indexer/reader.h"
#include "tests/support/errors.h"
#include "tests/support/source_headings.h"

namespace tandem {
namespace {

using ::testing::ElementsAre;
using testing::error_code_of;
using ::testing::HasSubstr;
using testing::headings_of;
using ::testing::Not;

constexpr std::string_view kHead =
    "From: =?iso-8859-1?Q?Andr=E9?= <a@example.org>\r\nTo: b@example.org\r\n"
    "Subject: =?utf-8?b?VGlkZXMg?=\r\n =?utf-8?q?of_Brest?= (draft)\r\nMIME-Version: 1.0\r\n";

std::string mail(std::string_view rest) {
  return read_source(std::string(kHead) + std::string(rest), "a.eml").text;
}

constexpr std::string_view kFields =
    "Subject: Tides of Brest (draft)\nFrom: Andr\u00E9 <a@example.org>\nTo: b@example.org\n\n";

TEST(EmlTest, SubjectIsTheTitleAndFieldsStandBeforeTheText) {
  const SourceText source =
      read_source(std::string(kHead) +
                      "Content-Type: text/plain; charset=iso-8859-1\r\n"
                      "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
                      "High =\r\nwater at six. caf=E9=20\r\n\r\nBye =3D=XX\r\n",
                  "a.eml");
  EXPECT_EQ(source.title, "Tides of Brest (draft)");
  EXPECT_EQ(source.text, std::string(kFields) + "High water at six. caf\u00E9 \n\nBye ==XX");
  EXPECT_EQ(source.media_type, "message/rfc822");
}

TEST(EmlTest, BytesTellAMessageWhateverItsName) {
  EXPECT_THAT(read_source(std::string(kHead) + "Content-Type: text/plain\r\n\r\nHi", "a.txt").text,
              HasSubstr("From: Andr"));
}

TEST(EmlTest, OfAlternativesPlainTextIsTaken) {
  EXPECT_EQ(mail("Content-Type: multipart/alternative; boundary=\"x y\"\r\n\r\npreamble\r\n"
                 "--x y\r\nContent-Type: text/plain\r\n\r\nPlain.\r\n"
                 "--x y\r\nContent-Type: text/html\r\n\r\n<p>Rich.</p>\r\n--x y--\r\nepilogue"),
            std::string(kFields) + "Plain.");
}

TEST(EmlTest, HtmlIsReadWhereThereIsNoPlainText) {
  EXPECT_EQ(
      mail("Content-Type: multipart/alternative; boundary=b\r\n\r\n"
           "--b\r\nContent-Type: text/plain\r\n\r\n \r\n"
           "--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64"
           "\r\n\r\nPGgxPk1vb248L2gxPjxwPkl0IHB1\r\nbGxzIHRoZSBzZWEuPC9wPg==\r\n--b--"),
      std::string(kFields) + "Moon\n\nIt pulls the sea.");
}

TEST(EmlTest, AttachmentsAreNamedAndMessagesWithinRead) {
  const SourceText source =
      read_source(std::string(kHead) +
                      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee below.\r\n"
                      "--b\r\nContent-Type: application/pdf; "
                      "name=\"t.pdf\"\r\nContent-Disposition: attachment;\r\n"
                      " filename*=utf-8''t%C3%A9.pdf\r\n\r\nJVBERi0x\r\n"
                      "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: Earlier\r\nFrom: "
                      "c@example.org\r\n\r\n"
                      "Old text.\r\n--b--",
                  "a.eml");
  EXPECT_EQ(source.text,
            std::string(kFields) +
                "See below.\n\nAttachment: t\u00E9.pdf\n\nEarlier\n\nSubject: Earlier\n"
                "From: c@example.org\n\nOld text.");
  EXPECT_THAT(headings_of(source), ElementsAre("1 Earlier"));
}

TEST(EmlTest, DamagedMessagesGiveWhatIsThere) {
  EXPECT_EQ(mail("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nNo end"),
            std::string(kFields) + "No end");
  EXPECT_EQ(mail("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nNo fields\r\n--b--"),
            std::string(kFields) + "No fields");
  EXPECT_EQ(mail("Content-Type: multipart/mixed\r\n\r\nNo boundary"),
            std::string(kFields.substr(0, kFields.size() - 2)));
  EXPECT_EQ(error_code_of([] { read_source("\r\n\r\n", "a.eml"); }), ErrorCode::kInvalidArgument);
}

TEST(EmlTest, PartsNestOnlySoDeep) {
  std::string bytes(kHead);
  for (int i = 0; i < 5000; ++i) bytes += "Content-Type: message/rfc822\r\n\r\n";
  bytes += "Content-Type: text/plain\r\n\r\nhidden";
  EXPECT_THAT(read_source(bytes, "a.eml").text, Not(HasSubstr("hidden")));
}

}  // namespace
}  // namespace tandem
