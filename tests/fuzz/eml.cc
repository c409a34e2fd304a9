// E-mails: header fields, encoded words, transfer encodings, parts within parts.
#include "indexer/readers/eml.h"

#include "tests/fuzz/fuzzer.h"
#include "tests/fuzz/reader_use.h"

namespace tandem::fuzz {

std::vector<std::string> seeds() {
  return {
      "From: =?utf-8?q?a=C3=A9?= <a@b>\r\nSubject: =?iso-8859-1*en?b?6Q==?=\r\n =?utf-8?q?b?=\r\n"
      "Content-Type: text/plain; charset=\"koi8-r\"\r\nContent-Transfer-Encoding: quoted-printable"
      "\r\n\r\na=\r\nb=E1 =3D\r\n",
      "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"b\"\n\n--b\n"
      "Content-Type: multipart/alternative; boundary=c\n\n--c\n\nplain\n--c\n"
      "Content-Type: text/html\nContent-Transfer-Encoding: base64\n\nPHA+YTwvcD4=\n--c--\n--b\n"
      "Content-Type: message/rfc822\n\nSubject: s\n\nx\n--b\n"
      "Content-Disposition: attachment; filename*=utf-8''a%20b\n\nz\n--b--\n"};
}

std::vector<std::string> words() {
  return {"Content-Type: ",
          "Content-Transfer-Encoding: ",
          "Content-Disposition: ",
          "multipart/alternative",
          "message/rfc822",
          "text/html",
          "boundary=",
          "charset=",
          "base64",
          "quoted-printable",
          "attachment",
          "filename*=",
          "=?utf-8?q?",
          "?=",
          "--b",
          "--b--",
          "\r\n\r\n",
          "utf-16",
          "iso-2022-jp"};
}

void run(std::string_view input) {
  check_source(read_eml(input, "a.eml"));
}

}  // namespace tandem::fuzz
