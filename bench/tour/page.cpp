#include "bench/tour/page.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>

#include "common/os/file.h"
#include "common/os/posix_os.h"
#include "common/store/errors.h"

namespace strata::tour {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kDataPlace = "{{data}}";
constexpr std::string_view kLibraryPlace = "{{library}}";

// The same JSON without a byte that HTML could take for its own.
std::string harmless(const std::string& json) {
  std::string text;
  for (const char c : json) {
    if (c == '<') {
      text += "\\u003c";
    } else {
      text += c;
    }
  }
  return text;
}

// Without the line by which a browser would look for more files.
std::string without_source_map(std::string library) {
  const auto map = library.rfind("//# sourceMappingURL");
  if (map != library.npos) library.erase(map, library.find('\n', map) - map);
  return library;
}

}  // namespace

std::string page(const std::string& json, const std::string& library) {
  const std::string_view whole = kPageTemplate;
  const auto library_at = whole.find(kLibraryPlace);
  const auto data_at = whole.find(kDataPlace, library_at);
  const auto behind_library = library_at + kLibraryPlace.size();
  std::string text(whole.substr(0, library_at));
  text += library;
  text += whole.substr(behind_library, data_at - behind_library);
  text += harmless(json);
  text += whole.substr(data_at + kDataPlace.size());
  return text;
}

std::string chart_library() {
  std::ifstream file(STRATA_CHART_JS, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  std::string library = without_source_map(std::move(text).str());
  return library.find("</script") == library.npos ? library : "";
}

ReportDirectory::ReportDirectory(const std::string& path) : path_(path) {
  std::error_code error;
  made_ = fs::create_directories(path, error);
  if (!error && !fs::is_directory(path)) {
    error = std::make_error_code(std::errc::not_a_directory);
  }
  if (error) throw IoError("cannot make", path, error.value());
}

ReportDirectory::~ReportDirectory() {
  std::error_code not_empty;
  if (made_) fs::remove(path_, not_empty);
}

void ReportDirectory::write(const std::string& name,
                            const std::string& text) const {
  Os& os = posix_os();
  const std::string finished = path(name);
  const std::string unfinished = finished + ".new";
  (void)os.remove(unfinished, "make room");
  try {
    File file = File::open(os, unfinished, OpenMode::kCreateNew, "report");
    file.write_at(0, text, "report");
    const OsResult renamed = os.rename(unfinished, finished, "report");
    if (renamed < 0) {
      throw IoError("cannot rename", unfinished, static_cast<int>(-renamed));
    }
  } catch (const IoError&) {
    (void)os.remove(unfinished, "take back");
    throw;
  }
}

}  // namespace strata::tour
