/// @file
/// The report page: one HTML file that needs nothing else.
#pragma once

#include <string>

namespace strata::tour {

/// report.html, with a place for the report and one for the charts' library.
extern const char* const kPageTemplate;

/// @param json the report
/// @param library the source of Chart.js, or nothing: then there are tables
///   and no charts
/// @returns the page. No byte of `json` can end the element that holds it.
[[nodiscard]] std::string page(const std::string& json,
                               const std::string& library);

/// @returns the source of Chart.js where this machine has it, else nothing.
[[nodiscard]] std::string chart_library();

/// Where the report goes. Made at once, so that a place that cannot be written
/// is known before the work begins.
class ReportDirectory {
 public:
  /// Makes `path`, its parents included, where it is missing.
  /// @throws IoError
  explicit ReportDirectory(const std::string& path);

  /// Removes what was made, as long as nothing was put there.
  ~ReportDirectory();

  ReportDirectory(const ReportDirectory&) = delete;
  ReportDirectory& operator=(const ReportDirectory&) = delete;

  /// Writes the file `name`: all of it, or it stays as it was.
  /// @throws IoError
  void write(const std::string& name, const std::string& text) const;

  /// @returns the path of the file `name`.
  [[nodiscard]] std::string path(const std::string& name) const {
    return path_ + "/" + name;
  }

 private:
  std::string path_;
  bool made_ = false;
};

}  // namespace strata::tour
