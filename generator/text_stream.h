// From the bytes of tokens to text that may be shown.
//
// A token may end inside a character, and a stop string may begin in one token and end in another.
// What could still become either is held back until it is known. Used by one thread at a time.
#ifndef TANDEM_GENERATOR_TEXT_STREAM_H_
#define TANDEM_GENERATOR_TEXT_STREAM_H_

#include <string>
#include <string_view>
#include <vector>

namespace tandem {

class TextStream {
 public:
  // `stop` holds no empty string. The text ends before the one that is whole first.
  explicit TextStream(std::vector<std::string> stop);

  // Takes the bytes of the next token. Returns what may be shown now, in whole characters; bytes
  // that can never become a character come out as U+FFFD. Returns nothing more once stopped().
  std::string push(std::string_view bytes);

  // Returns what was held back and turned out to be ordinary text. A character that the last token
  // left incomplete is dropped.
  std::string finish();

  // How many of the bytes pushed have been given back as text. They may be more in the text, where
  // U+FFFD stands for one.
  std::size_t shown_bytes() const { return shown_bytes_; }

  // Whether a stop string has occurred.
  bool stopped() const { return stopped_; }

 private:
  std::vector<std::string> stop_;
  std::string pending_;
  std::size_t shown_bytes_ = 0;
  bool stopped_ = false;
};

}  // namespace tandem

#endif  // TANDEM_GENERATOR_TEXT_STREAM_H_
