// What the thread sanitizer is not to report. RocksDB is not compiled with it: of the locks and
// atomics in there it sees nothing, but of what the C library does for it, it sees everything.
extern "C" const char* __tsan_default_suppressions();  // NOLINT(bugprone-reserved-identifier)

extern "C" const char* __tsan_default_suppressions() {  // NOLINT(bugprone-reserved-identifier)
  return "called_from_lib:librocksdb\n";
}
