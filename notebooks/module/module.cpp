// The compiled half of the Python package `strata`. The other half is in
// notebooks/strata and gives it its manners: data frames, defaults, and what a
// dict can do.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <map>
#include <memory>
#include <string>

#include "common/store/errors.h"
#include "notebooks/module/convert.h"
#include "notebooks/module/crash_states.h"
#include "notebooks/module/open_store.h"
#include "stages/registry.h"

namespace strata::python {

namespace py = pybind11;

namespace {

using StoreClass = py::class_<OpenStore>;

// Lets a store be opened on a `Disk`; `os_of` makes an `Os` of it.
template <typename Disk, typename AsOs>
void add_opening(StoreClass& store, const AsOs& os_of, const char* doc) {
  store.def(
      py::init([os_of](const std::string& stage, const std::string& directory,
                       const std::string& mode, const std::string& sync,
                       const std::map<std::string, OptionValue>& options,
                       const std::shared_ptr<Disk>& disk) {
        return std::make_unique<OpenStore>(
            Opening{stage, directory, mode, sync, options}, os_of(disk));
      }),
      py::arg("stage"), py::arg("directory"), py::arg("mode") = "write",
      py::arg("sync") = "never",
      py::arg("options") = std::map<std::string, OptionValue>(),
      py::arg("disk") = py::none(), doc);
}

void add_openings(StoreClass& store) {
  add_opening<MemoryOs>(
      store, [](const std::shared_ptr<MemoryOs>& disk) { return disk; },
      "Opens a store; without a disk in memory on the real one.");
  add_opening<Recorder>(
      store,
      [](const std::shared_ptr<Recorder>& recorder) {
        return std::shared_ptr<Os>(recorder, &recorder->os());
      },
      "Opens a store on a disk that is recorded.");
}

void add_operations(StoreClass& store) {
  store
      .def("set", &OpenStore::set, py::arg("key"), py::arg("value"),
           "Writes value under key. When it returns, the write has reached the "
           "system (sync='never'; in a stage that has no log it is in memory) "
           "or the disk (sync='always').")
      .def("get", &OpenStore::get, py::arg("key"),
           "The last value of key as bytes; None when there is no such key.")
      .def("delete", &OpenStore::del, py::arg("key"),
           "Deletes key; one that is not there is no error.")
      .def("keys", &OpenStore::keys,
           "All live keys: ascending in a stage that sorts, else in any order.")
      .def("scan", &OpenStore::scan, py::arg("start") = "",
           py::arg("stop") = py::none(),
           "The live pairs with start <= key < stop, ascending; without stop "
           "up to the last.")
      .def("flush", &OpenStore::flush,
           "Writes out what a stage without a log has in memory; in every "
           "other there is nothing to do.")
      .def("compact", &OpenStore::compact,
           "Merges now, in this thread: reclaims the space of dead records.")
      .def("settle", &OpenStore::settle,
           "Waits until the thread in the background has nothing left to "
           "merge; ValueError in a stage that cannot tell.")
      .def("salvage", &OpenStore::salvage, py::arg("directory"),
           "Copies what is readable into a new store; a list of dicts tells "
           "what was lost.")
      .def("close", &OpenStore::close,
           "Writes out what is in memory, and closes the store, also where "
           "that raises. What was counted and told stays; every other call "
           "raises ValueError from now on.")
      .def_property_readonly("closed", &OpenStore::closed,
                             "Whether the store was closed.");
}

void add_looks(StoreClass& store) {
  store
      .def("stats", &OpenStore::stats,
           "Keys, bytes, files and memory of the index: a dict.")
      .def("file_records", &OpenStore::file_stats,
           "For each file with records what they are worth: a list of dicts.")
      .def("records", &OpenStore::dump, py::arg("file") = "",
           "Every record on disk, live or not, and every stretch that is none: "
           "a list of dicts; of one file or of all.")
      .def(
          "verify", &OpenStore::verify,
          "Checks every checksum; a list of dicts, one for each damaged place.")
      .def_property_readonly("index_probes", &OpenStore::index_probes,
                             "How many keydirs, or tables, gets have asked "
                             "since the open.")
      .def_property_readonly("notes", &OpenStore::notes,
                             "What the store told, such as of a torn tail.")
      .def_property_readonly(
          "ledger",
          [](const OpenStore& self) { return to_dict(self.totals()); },
          "What all calls since the open began add up to: a dict.")
      .def_property_readonly(
          "stage",
          [](const OpenStore& self) { return std::string(self.stage().name); },
          "The stage's name.")
      .def("_begin_explain", &OpenStore::begin_explain,
           "From now on keeps each call.")
      .def("_end_explain", &OpenStore::end_explain,
           "The calls since then, which it keeps no longer.");
}

}  // namespace

PYBIND11_MODULE(_strata, module) {
  module.doc() = "The engines of Strata; see the package strata.";
  register_errors(module);
  register_crash_states(module);
  StoreClass store(module, "Store", "A store of any stage.");
  add_openings(store);
  add_operations(store);
  add_looks(store);
  module.def(
      "stages",
      [] {
        py::list all;
        for (const Stage* stage : all_stages()) all.append(to_dict(*stage));
        return all;
      },
      "Every stage, in the order of the story: a list of dicts.");
}

}  // namespace strata::python
