// A folder for one test's files.
#ifndef QOPT_TEST_UNIT_TEMPORARYFOLDER_H
#define QOPT_TEST_UNIT_TEMPORARYFOLDER_H

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace qopt::test {

class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string Pattern = (std::filesystem::temp_directory_path() / "qopt-test-XXXXXX").string();
    Folder = mkdtemp(Pattern.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(Folder); }

  std::string path() const { return Folder; }
  std::string path(const std::string &Name) const { return Folder + "/" + Name; }
  size_t entries() const {
    return std::distance(std::filesystem::directory_iterator(Folder),
                         std::filesystem::directory_iterator());
  }

private:
  std::string Folder;
};

inline std::string readAll(const std::string &Path) {
  std::ifstream File(Path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(File), {});
}

inline void writeAll(const std::string &Path, const std::string &Bytes) {
  std::ofstream File(Path, std::ios::binary | std::ios::trunc);
  File.write(Bytes.data(), static_cast<std::streamsize>(Bytes.size()));
}

} // namespace qopt::test

#endif
