// A look at the ends of RocksDB's logs, before RocksDB reads them.
//
// The write-ahead logs and the manifest end, after a crash, within a record. RocksDB therefore
// takes a record of their last block that is longer than what is left of the file for one that was
// cut off, and stops there in silence. Where it is its length that is damaged, whatever was
// acknowledged after it would be gone without a word: documents from a log, whole table files from
// the manifest.
//
//   log    = block*                              32,768 bytes each; the last one may be shorter
//   block  = record* zero{0, 6}                  a record never crosses the end of its block
//   record = crc:u32 length:u16 type:u8 byte{length}
//   crc    = crc32c(type byte{length}), its bits turned right by 15, plus 0xA282EAD8
#ifndef TANDEM_STORE_LOG_ENDS_H_
#define TANDEM_STORE_LOG_ENDS_H_

#include <filesystem>

namespace tandem {

// Throws kCorrupt, naming the file, where a log in the folder of a database ends in a record that
// is all there but says that it is longer. What is damaged elsewhere is RocksDB's to find. Nothing
// is thrown for a folder that is not there, nor for files that a process which writes to it is
// changing or removing.
void check_log_ends(const std::filesystem::path& database);

}  // namespace tandem

#endif  // TANDEM_STORE_LOG_ENDS_H_
