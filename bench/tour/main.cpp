/// @file
/// The tour: a whole history through every stage, and what each one paid.
///
/// Exit codes: 0 done; 1 a stage answered wrongly; 2 usage, or no history to
/// replay; 3 damage found in a store; 4 the system refused; 128 + N ended by
/// signal N. A report is left only by a tour that came to its end.
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <new>

#include "bench/interrupt.h"
#include "bench/temporary.h"
#include "bench/tour/access_log.h"
#include "bench/tour/arguments.h"
#include "bench/tour/git.h"
#include "bench/tour/page.h"
#include "bench/tour/replay.h"
#include "bench/tour/report.h"
#include "bench/tour/table.h"
#include "common/os/terminal.h"
#include "common/store/errors.h"
#include "stages/registry.h"

namespace strata::tour {

namespace {

History read_history(const Arguments& arguments) {
  return arguments.access_log.empty() ? read_git(arguments.repository)
                                      : read_access_log(arguments.access_log);
}

// Takes the history through every stage; `at` says where it is.
std::vector<Run> replay_all(const History& history, std::string& at) {
  const bench::TemporaryDirectory directory;
  std::vector<Run> runs;
  for (const Stage* stage : all_stages()) {
    at = std::string(stage->name) + ": ";
    const std::string store = directory.path(std::string(stage->name));
    runs.push_back(replay(*stage, history, store));
    std::filesystem::remove_all(store);
  }
  at.clear();
  return runs;
}

void tour(const Arguments& arguments, std::string& at) {
  const History history = read_history(arguments);
  const ReportDirectory out(arguments.out);
  fmt::print("{}", headline(history));
  (void)std::fflush(stdout);
  const std::vector<Run> runs = replay_all(history, at);
  const std::string json = report_json(history, runs);
  out.write("report.html", page(json, chart_library()));
  out.write("report.json", json + "\n");
  fmt::print("{}\nThe report: {}\n", tables(history, runs),
             out.path("report.html"));
}

int fail(int code, const std::string& why) {
  fmt::print(stderr, "tour: {}\n", why);
  return code;
}

int run(int argc, char** argv) {
  std::string at;
  try {
    tour(parse(argc, argv), at);
    return std::fflush(stdout) == 0 ? 0 : 4;
  } catch (const Exit& exit) {
    if (exit.code != 0) return fail(exit.code, exit.text);
    fmt::print("{}", exit.text);
    return 0;
  } catch (const bench::Interrupted& interrupted) {
    return fail(128 + interrupted.signal,
                "interrupted: nothing is left behind");
  } catch (const BadInput& error) {
    return fail(2, error.what());
  } catch (const InvalidInput& error) {
    return fail(2, at + error.what());
  } catch (const Damage& error) {
    return fail(3, at + error.what());
  } catch (const std::system_error& error) {
    return fail(4, at + error.what());
  } catch (const std::bad_alloc&) {
    return fail(4, at + "out of memory");
  } catch (const std::exception& error) {
    return fail(1, at + error.what());
  }
}

}  // namespace

}  // namespace strata::tour

int main(int argc, char** argv) {
  strata::turn_write_signals_into_errors();
  strata::bench::note_interrupts();
  return strata::tour::run(argc, argv);
}
