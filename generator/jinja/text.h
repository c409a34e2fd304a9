// Strings of the template language that remember where each of their bytes came from.
#ifndef TANDEM_GENERATOR_JINJA_TEXT_H_
#define TANDEM_GENERATOR_JINJA_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem::jinja {

// A UTF-8 string, cut into runs that came from a message or did not. Operations keep the origin of
// every byte, so that no sequence of filters can turn the text of a user into text of the template.
// Positions are bytes. A value; concurrent reads are safe.
class Text {
 public:
  struct Run {
    std::size_t end = 0;  // one past the last byte
    bool from_message = false;
  };

  Text() = default;
  explicit Text(std::string bytes, bool from_message = false);

  const std::string& bytes() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  // Neighbours differ in origin; the last ends at size().
  const std::vector<Run>& runs() const { return runs_; }
  // Whether any of it came from a message.
  bool from_message() const;

  // Bytes [begin, end).
  Text slice(std::size_t begin, std::size_t end) const;

  void append(const Text& other);
  void append(std::string_view bytes, bool from_message);

  // Each run replaced by what `change` makes of it.
  template <typename Change>
  Text map_runs(const Change& change) const {
    Text out;
    std::size_t begin = 0;
    for (const Run& run : runs_) {
      out.append(change(std::string_view(bytes_).substr(begin, run.end - begin)), run.from_message);
      begin = run.end;
    }
    return out;
  }

 private:
  std::string bytes_;
  std::vector<Run> runs_;
};

// Where the last character of `text`, which must not be empty, begins.
std::size_t last_character(std::string_view text);

// White space as Python's str.isspace() has it.
bool is_space(char32_t code_point);

// Bytes that are not white space: the range str.strip() leaves. `left` and `right` say which ends
// are stripped.
std::pair<std::size_t, std::size_t> stripped_range(std::string_view text, bool left, bool right);

// The same for a set of characters, as str.strip(characters).
std::pair<std::size_t, std::size_t> stripped_range(std::string_view text,
                                                   std::string_view characters, bool left,
                                                   bool right);

// First byte of `needle` in `text` from `begin` on, or npos; linear in their sizes, unlike
// std::string_view::find, because a template may come from anyone.
std::size_t find_bytes(std::string_view text, std::string_view needle, std::size_t begin);

}  // namespace tandem::jinja

#endif  // TANDEM_GENERATOR_JINJA_TEXT_H_
