#include "notebooks/module/crash_states.h"

#include <pybind11/stl.h>

#include <memory>

#include "common/os/crash.h"
#include "common/store/errors.h"
#include "notebooks/module/convert.h"

namespace strata::python {

namespace py = pybind11;

namespace {

py::dict to_dict(const CrashState& state) {
  py::list directories;
  for (const std::string& path : state.image.directories) {
    directories.append(path_str(path));
  }
  return py::dict(py::arg("what") = path_str(state.what),
                  py::arg("changes") = state.changes,
                  py::arg("acknowledged") = state.acknowledged,
                  py::arg("files") = files_of(state.image),
                  py::arg("directories") = directories);
}

void leave_out(Trace& trace, const std::vector<std::size_t>& syncs) {
  for (const std::size_t number : syncs) {
    if (leave_out_sync(trace, number)) continue;
    throw InvalidInput("change " + std::to_string(number) + " is no sync");
  }
}

}  // namespace

std::uint64_t Recorder::mark() {
  recording_.mark(++acknowledged_);
  return acknowledged_;
}

py::list Recorder::changes() const {
  return to_list(recording_.trace().changes);
}

py::list Recorder::states(const std::string& kind,
                          const std::vector<std::size_t>& without) const {
  py::list all;
  Trace trace = recording_.trace();
  leave_out(trace, without);
  const auto visit = [&](const CrashState& state) {
    all.append(to_dict(state));
  };
  if (kind == "power cut") {
    for_each_power_cut(trace, visit);
  } else if (kind == "kill") {
    for_each_kill(trace, visit);
  } else {
    throw InvalidInput("kind is 'power cut' or 'kill', not '" + kind + "'");
  }
  return all;
}

py::dict files_of(const Image& image) {
  py::dict files;
  for (const auto& [path, bytes] : image.files) {
    files[path_str(path)] = py::bytes(bytes);
  }
  return files;
}

Image image_of(const py::dict& files, const py::list& directories) {
  Image image;
  for (const auto& [path, bytes] : files) {
    image.files[path.cast<std::string>()] = bytes.cast<std::string>();
  }
  for (const auto& path : directories) {
    image.directories.insert(path.cast<std::string>());
  }
  return image;
}

void register_crash_states(py::module_& module) {
  py::class_<MemoryOs, std::shared_ptr<MemoryOs>>(
      module, "Disk", "A disk in memory, for a store to be opened on.")
      .def(py::init([](const py::dict& files, const py::list& directories) {
             return std::make_shared<MemoryOs>(image_of(files, directories));
           }),
           py::arg("files") = py::dict(), py::arg("directories") = py::list(),
           "Starts with these files (path to bytes) and directories; missing "
           "parents are made.")
      .def(
          "files", [](const MemoryOs& disk) { return files_of(disk.image()); },
          "The bytes of each file by its path.");
  py::class_<Recorder, std::shared_ptr<Recorder>>(
      module, "Recorder", "A disk in memory that writes down what is done.")
      .def(py::init())
      .def("mark", &Recorder::mark,
           "Notes that one more operation was acknowledged; its number.")
      .def("changes", &Recorder::changes,
           "What was done to the disk, oldest first: a list of dicts.")
      .def("states", &Recorder::states, py::arg("kind"),
           py::arg("without") = std::vector<std::size_t>(),
           "Every state that a 'power cut' or a 'kill' at any point could have "
           "left: a list of dicts.");
}

}  // namespace strata::python
