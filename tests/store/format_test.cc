#include "store/format.h"

#include <gtest/gtest.h>

#include "tests/support/errors.h"

namespace tandem {
namespace {

using namespace std::string_literals;
using testing::error_code_of;

format::PassageRecord some_passage() {
  format::PassageRecord record;
  record.collection = 7;
  record.passage.document_id = "doc";
  record.passage.title = "Title";
  record.passage.heading_path = "A > B";
  record.passage.ordinal = 3;
  record.passage.page = 2;
  record.passage.begin = 10;
  record.passage.end = 1ull << 40;
  record.passage.text = "caf\xC3\xA9";
  return record;
}

// Written by hand from the grammar in store/format.h, so that a change of the bytes is seen even
// where writer and reader change together.
TEST(FormatTest, BytesAreThoseOfTheGrammar) {
  EXPECT_EQ(format::collection_passage_key(1, 0x0102), "\0\0\0\x01\0\0\0\0\0\0\x01\x02"s);
  EXPECT_EQ(format::document_key(2, "ab"), "\0\0\0\x02"s + "ab");
  EXPECT_EQ(format::postings_key(1, "ab", 0x0203), "\0\0\0\x01"s + "ab" + "\0\0\0\x02\x03"s);
  EXPECT_EQ(format::encode_counter(0x0102), "\x04\x02\x01\0\0\0\0\0\0"s);
  EXPECT_EQ(
      format::encode_collection({3, 2, 1, 4, 5, 6}),
      "\x04\x03\0\0\0\x02\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0"s +
          "\x06\0\0\0\0\0\0\0"s);
  EXPECT_EQ(format::encode_tombstone(5), "\x04\x05\0\0\0"s);
  EXPECT_EQ(format::encode_terms({7, {{"ab", 2}}}),
            "\x04\x07\0\0\0\x01\0\0\0\x02"
            "ab\x02\0\0\0"s);
  const float one = 1;
  EXPECT_EQ(format::encode_vector({&one, 1}), "\x04\0\0\x80\x3F"s);

  StoreSettings settings;
  settings.encoder_path = "p";
  settings.encoder_id = "id";
  settings.dimension = 384;
  settings.analysis = "a";
  EXPECT_EQ(format::encode_settings(settings),
            "\x04\x01\0\0\0p\x02\0\0\0id\x80\x01\0\0\0\0\0\0\x01\0\0\0a"s);
}

TEST(FormatTest, RecordsFromBeforeTermsAreRead) {
  const auto collection =
      format::decode_collection("\x02\x03\0\0\0\x02\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0"s);
  EXPECT_EQ(collection.number, 3u);
  EXPECT_EQ(collection.document_count, 2u);
  EXPECT_EQ(collection.passage_count, 1u);
  EXPECT_EQ(collection.passages_with_terms, 0u);
  EXPECT_EQ(collection.total_length, 0u);
  const auto settings = format::decode_settings("\x01\x01\0\0\0p\x02\0\0\0id\x80\x01\0\0\0\0\0\0"s);
  EXPECT_EQ(settings.encoder_id, "id");
  EXPECT_EQ(settings.dimension, 384u);
  EXPECT_EQ(settings.analysis, "");
  EXPECT_EQ(format::decode_tombstone("\x01\x05\0\0\0"s), 5u);
}

TEST(FormatTest, KeysSortByNumber) {
  EXPECT_LT(format::passage_key(255), format::passage_key(256));
  EXPECT_LT(format::collection_passage_key(1, UINT64_MAX), format::collection_passage_key(2, 0));
  EXPECT_EQ(format::passage_of_key(format::collection_passage_key(9, 1ull << 60)), 1ull << 60);
  EXPECT_EQ(format::document_id_of_key(format::document_key(9, "x/y")), "x/y");
}

TEST(FormatTest, RecordsComeBack) {
  const auto written = some_passage();
  const auto read = format::decode_passage(format::encode_passage(written));
  EXPECT_EQ(read.collection, written.collection);
  EXPECT_EQ(read.passage.document_id, written.passage.document_id);
  EXPECT_EQ(read.passage.title, written.passage.title);
  EXPECT_EQ(read.passage.heading_path, written.passage.heading_path);
  EXPECT_EQ(read.passage.ordinal, written.passage.ordinal);
  EXPECT_EQ(read.passage.page, written.passage.page);
  EXPECT_EQ(read.passage.begin, written.passage.begin);
  EXPECT_EQ(read.passage.end, written.passage.end);
  EXPECT_EQ(read.passage.text, written.passage.text);

  Document document;
  document.title = "T";
  document.source = "s";
  document.media_type = "text/plain";
  document.digest = "d";
  document.created_at_unix_s = -5;
  document.passage_count = 4;
  document.first_passage = 11;
  document.attributes = {{"draft", false}, {"lang", "fr"}, {"public", true}, {"year", -0.5}};
  document.readers = {"group:hr", "user:anna"};
  const auto back = format::decode_document(format::encode_document(document));
  EXPECT_EQ(back.title, "T");
  EXPECT_EQ(back.source, "s");
  EXPECT_EQ(back.media_type, "text/plain");
  EXPECT_EQ(back.digest, "d");
  EXPECT_EQ(back.created_at_unix_s, -5);
  EXPECT_EQ(back.passage_count, 4u);
  EXPECT_EQ(back.first_passage, 11u);
  EXPECT_EQ(back.attributes, document.attributes);
  EXPECT_EQ(back.readers, document.readers);
}

TEST(FormatTest, DocumentsOfFormerVersionsHaveLess) {
  const std::string rest =
      "\x01\0\0\0T\x01\0\0\0s\0\0\0\0\x01\0\0\0d\x05\0\0\0\0\0\0\0\x0B\0\0\0\0\0\0\0\x04\0\0\0"s;
  const Document document = format::decode_document("\x01" + rest);
  EXPECT_EQ(document.first_passage, 11u);
  EXPECT_EQ(document.passage_count, 4u);
  EXPECT_TRUE(document.attributes.empty());

  const std::string attributes = "\x02\0\0\0\x01\0\0\0a\x01\x01\0\0\0b\x02\0\0\0\0\0\0\xF0\x3F"s;
  const Attributes expected = {{"a", true}, {"b", 1.0}};
  EXPECT_EQ(format::decode_document("\x02" + rest + attributes).attributes, expected);
  EXPECT_TRUE(format::decode_document("\x03" + rest + attributes).readers.empty());
  const std::string readers = "\x01\0\0\0\x01\0\0\0r"s;
  EXPECT_EQ(format::decode_document("\x04" + rest + attributes + readers).readers, Readers{"r"});
  EXPECT_EQ(
      error_code_of([&] { format::decode_document("\x02" + rest + "\x01\0\0\0\0\0\0\0\x09"s); }),
      ErrorCode::kCorrupt);
  EXPECT_EQ(error_code_of([&] { format::decode_document("\x02" + rest + "\xFF\xFF\xFF\xFF"s); }),
            ErrorCode::kCorrupt);
}

TEST(FormatTest, EveryTruncationIsRefused) {
  const std::string bytes = format::encode_passage(some_passage());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(error_code_of([&] { format::decode_passage(bytes.substr(0, size)); }),
              ErrorCode::kCorrupt)
        << size;
  }
  EXPECT_EQ(error_code_of([&] { format::decode_passage(bytes + "x"); }), ErrorCode::kCorrupt);
}

TEST(FormatTest, ALengthBeyondTheRecordIsRefused) {
  EXPECT_EQ(error_code_of([] { format::decode_identity("\x02\xFF\xFF\xFF\xFF"s + "abc"); }),
            ErrorCode::kCorrupt);
}

TEST(FormatTest, VectorsOfAnotherDimensionAreRefused) {
  std::vector<float> vector(3, 0.5f);
  const std::string bytes = format::encode_vector(vector);
  std::vector<float> two(2);
  std::vector<float> four(4);
  EXPECT_EQ(error_code_of([&] { format::decode_vector(bytes, two); }), ErrorCode::kCorrupt);
  EXPECT_EQ(error_code_of([&] { format::decode_vector(bytes, four); }), ErrorCode::kCorrupt);
  format::decode_vector(bytes, vector);
  EXPECT_EQ(vector, std::vector<float>(3, 0.5f));
}

TEST(FormatTest, RecordsOfANewerVersionAreUnsupported) {
  std::string bytes = format::encode_tombstone(1);
  bytes[0] = format::kRecordVersion + 1;
  EXPECT_EQ(error_code_of([&] { format::decode_tombstone(bytes); }), ErrorCode::kUnsupported);
  bytes[0] = 0;
  EXPECT_EQ(error_code_of([&] { format::decode_tombstone(bytes); }), ErrorCode::kCorrupt);
}

TEST(FormatTest, TermsComeBackOrAreRefused) {
  const PassageTerms terms{9, {{"stone", 4}, {std::string(255, 'x'), 1}}};
  const auto back = format::decode_terms(format::encode_terms(terms));
  EXPECT_EQ(back.length, 9u);
  EXPECT_EQ(back.counts, terms.counts);
  for (const std::string& term : {""s, std::string(256, 'x'), "a\0b"s}) {
    EXPECT_EQ(error_code_of([&] {
                format::encode_terms({1, {{term, 1}}});
              }),
              ErrorCode::kInvalidArgument);
  }
  // A number of terms that the record has no room for.
  EXPECT_EQ(error_code_of([] { format::decode_terms("\x02\x01\0\0\0\xFF\xFF\xFF\xFF"s); }),
            ErrorCode::kCorrupt);
}

TEST(FormatTest, MisshapenKeysAreRefused) {
  EXPECT_EQ(error_code_of([] { format::passage_of_passage_key("short"); }), ErrorCode::kCorrupt);
  EXPECT_EQ(error_code_of([] { format::bucket_of_key("prefix\0\0\1"s, "prefix"); }),
            ErrorCode::kCorrupt);
  EXPECT_EQ(error_code_of([] { format::passage_of_key("short"); }), ErrorCode::kCorrupt);
  EXPECT_EQ(error_code_of([] { format::document_id_of_key("\0\0\0\x01"s); }), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace tandem
