#include "indexer/readers/eml.h"

#include <array>
#include <string>
#include <utility>

#include "indexer/readers/decode.h"
#include "indexer/readers/html.h"
#include "indexer/readers/mime.h"
#include "indexer/readers/text_builder.h"

namespace tandem {
namespace {

// Of parts within parts. Each level goes over the bytes below it once more.
constexpr int kMaxDepth = 16;

class MessageReader {
 public:
  explicit MessageReader(std::string_view name) : name_(name), text_(name) {}

  SourceText read(std::string_view bytes) {
    const MimeEntity message = parse_entity(bytes);
    write_fields(message);
    add_entity(message, 0);
    return text_.take("message/rfc822", decode_header(message.field("subject")));
  }

 private:
  void write_fields(const MimeEntity& message) {
    constexpr std::array<std::pair<const char*, std::string_view>, 5> kFields{
        {{"subject", "Subject"}, {"from", "From"}, {"to", "To"}, {"cc", "Cc"}, {"date", "Date"}}};
    text_.end_paragraph();
    for (const auto& [field, label] : kFields) {
      const std::string value = decode_header(message.field(field));
      if (!value.empty()) text_.line(std::string(label) + ": " + value);
    }
    text_.end_paragraph();
  }

  void add_entity(const MimeEntity& entity, int depth) {
    if (depth > kMaxDepth) return;
    const MimeValue type = parse_value(entity.field("content-type"));
    const MimeValue disposition = parse_value(entity.field("content-disposition"));
    std::string file = disposition.parameter("filename");
    if (file.empty()) file = type.parameter("name");
    if (type.value.starts_with("multipart/")) {
      add_parts(entity, type, depth);
    } else if (disposition.value == "attachment" ||
               (!file.empty() && type.value != "message/rfc822")) {
      text_.paragraph("Attachment: " + (file.empty() ? type.value : decode_header(file)));
    } else if (type.value == "message/rfc822") {
      add_message(entity, depth);
    } else if (type.value.empty() || type.value.starts_with("text/")) {
      add_text(entity, type);
    }
  }

  void add_parts(const MimeEntity& entity, const MimeValue& type, int depth) {
    const auto parts = split_parts(entity.body, type.parameter("boundary"));
    if (type.value != "multipart/alternative") {
      for (const std::string_view part : parts) add_entity(parse_entity(part), depth + 1);
      return;
    }
    // Alternatives stand by growing richness: plain text is what its writer saw as the message.
    const auto type_of = [](std::string_view part) {
      return parse_value(parse_entity(part).field("content-type")).value;
    };
    for (const std::string_view part : parts) {
      const std::string kind = type_of(part);
      const MimeEntity alternative = parse_entity(part);
      const bool is_blank = alternative.body.find_first_not_of(" \t\r\n") == std::string_view::npos;
      if ((kind == "text/plain" || kind.empty()) && !is_blank) {
        add_entity(alternative, depth + 1);
        return;
      }
    }
    if (!parts.empty()) add_entity(parse_entity(parts.back()), depth + 1);
  }

  void add_message(const MimeEntity& entity, int depth) {
    std::string holder;
    const std::string_view bytes =
        decode_transfer(entity.body, entity.field("content-transfer-encoding"), holder);
    const MimeEntity message = parse_entity(bytes);
    text_.heading(decode_header(message.field("subject")), 1);
    write_fields(message);
    add_entity(message, depth + 1);
  }

  void add_text(const MimeEntity& entity, const MimeValue& type) {
    std::string holder;
    const std::string_view bytes =
        decode_transfer(entity.body, entity.field("content-transfer-encoding"), holder);
    const std::string text = decode_text(bytes, type.parameter("charset"));
    if (type.value == "text/html") {
      text_.append(read_html(text, name_));
    } else {
      text_.verbatim(normalize_lines(text));
    }
  }

  std::string name_;
  TextBuilder text_;
};

}  // namespace

SourceText read_eml(std::string_view bytes, std::string_view name) {
  return MessageReader(name).read(bytes);
}

}  // namespace tandem
