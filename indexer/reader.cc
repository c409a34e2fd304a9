#include "indexer/reader.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/utf8.h"
#include "indexer/readers/decode.h"
#include "indexer/readers/delimited.h"
#include "indexer/readers/eml.h"
#include "indexer/readers/html.h"
#include "indexer/readers/ipynb.h"
#include "indexer/readers/json_text.h"
#include "indexer/readers/markdown.h"
#include "indexer/readers/org.h"
#include "indexer/readers/pdf.h"
#include "indexer/readers/plain_text.h"
#include "indexer/readers/rst.h"
#include "indexer/readers/rtf.h"
#include "indexer/readers/signature.h"
#include "indexer/readers/zip_document.h"

namespace tandem {
namespace {

using Read = SourceText (*)(std::string_view bytes, std::string_view name, const ReadLimits&);

// Raise the version when a reader comes to give another text.
struct FormatReader {
  Read read;
  int version;
};

constexpr FormatReader kPdf{[](std::string_view bytes, std::string_view name,
                               const ReadLimits& limits) { return read_pdf(bytes, name, limits); },
                            0};
constexpr FormatReader kHtml{
    [](auto bytes, auto name, const auto&) { return read_html(bytes, name); }, 0};
constexpr FormatReader kZip{
    [](auto bytes, auto name, const auto&) { return read_zip_document(bytes, name); }, 0};
constexpr FormatReader kRtf{
    [](auto bytes, auto name, const auto&) { return read_rtf(bytes, name); }, 0};
constexpr FormatReader kEmail{
    [](auto bytes, auto name, const auto&) { return read_eml(bytes, name); }, 0};
constexpr FormatReader kPlainText{
    [](auto bytes, auto, const auto&) { return read_plain_text(bytes); }, 0};

struct NamedReader {
  std::string_view extension;
  FormatReader reader;
};

// For text that does not say itself what it is.
constexpr FormatReader kMarkdown{[](auto bytes, auto, const auto&) { return read_markdown(bytes); },
                                 0};
constexpr FormatReader kRst{[](auto bytes, auto, const auto&) { return read_rst(bytes); }, 1};
constexpr FormatReader kOrg{[](auto bytes, auto, const auto&) { return read_org(bytes); }, 1};
constexpr FormatReader kAsciidoc{[](auto bytes, auto, const auto&) { return read_asciidoc(bytes); },
                                 1};
constexpr FormatReader kCsv{
    [](auto bytes, auto name, const auto&) { return read_delimited(bytes, name, false); }, 1};
constexpr FormatReader kTsv{
    [](auto bytes, auto name, const auto&) { return read_delimited(bytes, name, true); }, 1};
constexpr FormatReader kJson{
    [](auto bytes, auto name, const auto&) { return read_json(bytes, name); }, 1};
constexpr FormatReader kNotebook{
    [](auto bytes, auto name, const auto&) { return read_ipynb(bytes, name); }, 1};

constexpr NamedReader kByExtension[] = {
    {".adoc", kAsciidoc}, {".asciidoc", kAsciidoc}, {".csv", kCsv},        {".eml", kEmail},
    {".htm", kHtml},      {".html", kHtml},         {".ipynb", kNotebook}, {".json", kJson},
    {".jsonl", kJson},    {".markdown", kMarkdown}, {".md", kMarkdown},    {".mdown", kMarkdown},
    {".mkd", kMarkdown},  {".ndjson", kJson},       {".org", kOrg},        {".rst", kRst},
    {".tab", kTsv},       {".text", kPlainText},    {".tsv", kTsv},        {".txt", kPlainText},
    {".xhtml", kHtml},
};

// Of formats that always say themselves what they are.
constexpr std::string_view kSignedExtensions[] = {".docm", ".docx", ".dotx", ".epub", ".odp",
                                                  ".ods",  ".odt",  ".pdf",  ".ppsx", ".pptm",
                                                  ".pptx", ".rtf",  ".xlsm", ".xlsx"};

std::string lower_extension(std::string_view name) {
  return lower_ascii(std::filesystem::path(name).extension().string());
}

// A reader, or why there is none.
struct Choice {
  FormatReader reader = kPlainText;
  std::optional<Error> refusal;
};

Choice refuse(std::string_view name, std::string_view found, std::string_view advice) {
  constexpr std::string_view kConvert = "convert it to PDF, HTML, Markdown or plain text";
  return {kPlainText,
          Error(ErrorCode::kUnsupported,
                std::string(name) + " is " + std::string(found) + ", which no reader knows",
                std::string(advice.empty() ? kConvert : advice))};
}

Choice choose_text_reader(std::string_view bytes, std::string_view name) {
  const std::string extension = lower_extension(name);
  // Mail gateways and web servers put lines before the signature; poppler looks this far too.
  if (extension == ".pdf" && bytes.substr(0, 1024).find("%PDF-") != std::string_view::npos) {
    return {kPdf, {}};
  }
  if (std::find(std::begin(kSignedExtensions), std::end(kSignedExtensions), extension) !=
      std::end(kSignedExtensions)) {
    std::string format = extension.substr(1);
    std::transform(format.begin(), format.end(), format.begin(),
                   [](char c) { return static_cast<char>(c & ~0x20); });
    return {kPlainText, Error(ErrorCode::kCorrupt,
                              std::string(name) + " is named a document of the format " + format +
                                  " but does not begin like one",
                              "check that the file was transferred whole")};
  }
  if (!has_wide_byte_order_mark(bytes) && looks_binary(bytes)) {
    return refuse(name, "binary data", {});
  }
  for (const NamedReader& named : kByExtension) {
    if (named.extension == extension) return {named.reader, {}};
  }
  return {kPlainText, {}};
}

Choice choose_reader(std::string_view bytes, std::string_view name) {
  const Signature signature = detect_signature(bytes);
  switch (signature.kind) {
    case ContentKind::kUnsupported:
      return refuse(name, signature.format, signature.advice);
    case ContentKind::kPdf:
      return {kPdf, {}};
    case ContentKind::kHtml:
      return {kHtml, {}};
    case ContentKind::kZip:
      return {kZip, {}};
    case ContentKind::kRtf:
      return {kRtf, {}};
    case ContentKind::kEmail:
      return {kEmail, {}};
    case ContentKind::kText:
      break;
  }
  return choose_text_reader(bytes, name);
}

}  // namespace

SourceText read_source(std::string_view bytes, std::string_view name, const ReadLimits& limits) {
  if (bytes.size() > limits.max_bytes) {
    throw Error(ErrorCode::kTooLarge,
                std::string(name) + " has " + std::to_string(bytes.size()) +
                    " bytes, more than the limit of " + std::to_string(limits.max_bytes),
                "split the document or raise the limit");
  }
  if (bytes.empty()) {
    throw Error(ErrorCode::kInvalidArgument, std::string(name) + " is empty",
                "leave it out, or check that it was written whole");
  }
  const Choice choice = choose_reader(bytes, name);
  if (choice.refusal) throw *choice.refusal;
  SourceText source = choice.reader.read(bytes, name, limits);
  if (source.text.find_first_not_of(" \t\n") == std::string::npos) {
    throw Error(ErrorCode::kInvalidArgument, std::string(name) + " has no text in it",
                "leave it out, or check that it was written whole");
  }
  return source;
}

int reader_version(std::string_view bytes, std::string_view name) {
  return choose_reader(bytes, name).reader.version;
}

const std::vector<std::string>& known_extensions() {
  static const std::vector<std::string> extensions = [] {
    std::vector<std::string> all(std::begin(kSignedExtensions), std::end(kSignedExtensions));
    for (const NamedReader& named : kByExtension) all.emplace_back(named.extension);
    return all;
  }();
  return extensions;
}

}  // namespace tandem
