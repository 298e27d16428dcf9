#include "bench/tour/arguments.h"

#include <CLI/CLI.hpp>
#include <cstdlib>

namespace strata::tour {

Arguments parse(int argc, char** argv) {
  const char* root = std::getenv("STRATA_ROOT");
  const std::string project = root == nullptr || *root == '\0' ? "." : root;
  Arguments given{project, "", project + "/build/tour"};

  CLI::App app(
      "Takes a whole history through every stage, proves the end state right\n"
      "and shows what each stage paid.",
      "tour");
  auto* git = app.add_option("--git", given.repository,
                             "a repository: its history is replayed "
                             "(default: this project's own)");
  app.add_option("--access-log", given.access_log,
                 "a web server's log in Common Log Format: hits per URL")
      ->excludes(git);
  app.add_option("--out", given.out,
                 "where report.html and report.json go (default: build/tour)");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    throw Exit{0, app.help()};
  } catch (const CLI::ParseError& error) {
    throw Exit{2, error.what()};
  }
  for (const std::string* path : {&given.repository, &given.out}) {
    if (path->empty()) throw Exit{2, "--git and --out want a directory"};
  }
  if (app.count("--access-log") > 0 && given.access_log.empty()) {
    throw Exit{2, "--access-log wants a file"};
  }
  return given;
}

}  // namespace strata::tour
