// A plug-in of LibTorch from other sources: of its table, only the first field can be read.
extern "C" const void* tandem_torch_plugin(int (*)()) {
  static const char* const table[] = {"other sources"};
  return table;
}
