#include "indexer/reader.h"

#include <algorithm>

#include "base/error.h"
#include "indexer/readers/decode.h"
#include "indexer/readers/html.h"
#include "indexer/readers/markdown.h"
#include "indexer/readers/pdf.h"
#include "indexer/readers/plain_text.h"
#include "indexer/readers/signature.h"

namespace tandem {
namespace {

std::string lower_extension(std::string_view name) {
  std::string extension = std::filesystem::path(name).extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return extension;
}

bool is_one_of(std::string_view value, std::initializer_list<std::string_view> choices) {
  return std::find(choices.begin(), choices.end(), value) != choices.end();
}

[[noreturn]] void refuse(std::string_view name, std::string_view found) {
  throw Error(ErrorCode::kUnsupported,
              std::string(name) + " is " + std::string(found) + ", which no reader knows",
              "convert it to PDF, HTML, Markdown or plain text");
}

SourceText dispatch(std::string_view bytes, std::string_view name, const ReadLimits& limits) {
  const Signature signature = detect_signature(bytes);
  switch (signature.kind) {
    case ContentKind::kUnsupported:
      refuse(name, signature.format);
    case ContentKind::kPdf:
      return read_pdf(bytes, name, limits);
    case ContentKind::kHtml:
      return read_html(bytes, name);
    case ContentKind::kText:
      break;
  }
  const std::string extension = lower_extension(name);
  if (extension == ".pdf") {
    // Mail gateways and web servers put lines before the signature; poppler looks this far too.
    if (bytes.substr(0, 1024).find("%PDF-") != std::string_view::npos) {
      return read_pdf(bytes, name, limits);
    }
    throw Error(ErrorCode::kCorrupt,
                std::string(name) + " is named a PDF document but does not begin like one",
                "check that the file was transferred whole");
  }
  if (!has_wide_byte_order_mark(bytes) && looks_binary(bytes)) refuse(name, "binary data");
  if (is_one_of(extension, {".html", ".htm", ".xhtml"})) return read_html(bytes, name);
  if (is_one_of(extension, {".md", ".markdown", ".mdown", ".mkd"})) return read_markdown(bytes);
  return read_plain_text(bytes);
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
  SourceText source = dispatch(bytes, name, limits);
  if (source.text.find_first_not_of(" \t\n") == std::string::npos) {
    throw Error(ErrorCode::kInvalidArgument, std::string(name) + " has no text in it",
                "leave it out, or check that it was written whole");
  }
  return source;
}

const std::vector<std::string>& known_extensions() {
  static const std::vector<std::string> extensions{
      ".txt",   ".text", ".md",  ".markdown", ".mdown", ".mkd",      ".html", ".htm",
      ".xhtml", ".pdf",  ".rst", ".org",      ".adoc",  ".asciidoc", ".csv",  ".tsv"};
  return extensions;
}

}  // namespace tandem
