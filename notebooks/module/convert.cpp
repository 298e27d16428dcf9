#include "notebooks/module/convert.h"

#include "common/store/errors.h"

namespace strata::python {

namespace py = pybind11;

namespace {

py::str text(std::string_view view) {
  return {view.data(), view.size()};
}

py::object text_or_none(std::string_view view) {
  if (view.empty()) return py::none();
  return text(view);
}

const char* name_of(Change::Kind kind) {
  switch (kind) {
    case Change::Kind::kMakeDirectory:
      return "mkdir";
    case Change::Kind::kCreate:
      return "create";
    case Change::Kind::kWrite:
      return "write";
    case Change::Kind::kTruncate:
      return "truncate";
    case Change::Kind::kRename:
      return "rename";
    case Change::Kind::kRemove:
      return "unlink";
    case Change::Kind::kSyncFile:
      return "sync file";
    case Change::Kind::kSyncDirectory:
      return "sync directory";
    case Change::Kind::kMark:
      return "acknowledged";
  }
  return "";
}

// As `OSError(…)` itself makes it: of the subclass that the number asks for.
void raise_os_error(const IoError& error) {
  const std::string what = error.operation() + ": " + error.code().message();
  const py::tuple arguments =
      py::make_tuple(error.code().value(), what, path_str(error.path()));
  PyErr_SetObject(PyExc_OSError, arguments.ptr());
}

}  // namespace

KeptRecord::KeptRecord(const DumpRecord& record)
    : file(record.file),
      offset(record.offset),
      size(record.size),
      state(strata::name_of(record.state)),
      fields(record.fields.begin(), record.fields.end()),
      why(record.why) {}

py::str path_str(const std::string& path) {
  const auto size = static_cast<py::ssize_t>(path.size());
  PyObject* made = PyUnicode_DecodeFSDefaultAndSize(path.data(), size);
  if (made == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::str>(made);
}

py::dict to_dict(const Stage& stage) {
  py::dict options;
  for (const OptionSpec& option : stage.options) {
    py::list choices;
    for (const std::string_view choice : option.choices) {
      choices.append(text(choice));
    }
    options[text(option.name)] = py::dict(
        py::arg("help") = text(option.help),
        py::arg("default") = option.default_value, py::arg("min") = option.min,
        py::arg("max") = option.max, py::arg("choices") = choices);
  }
  py::dict refuses;
  for (const Refusal& refusal : stage.refuses) {
    refuses[text(refusal.name)] = text(refusal.why);
  }
  return py::dict(
      py::arg("name") = text(stage.name), py::arg("title") = text(stage.title),
      py::arg("flaw") = text(stage.flaw),
      py::arg("checksums") = stage.checksums, py::arg("scans") = stage.scans,
      py::arg("sorts") = stage.sorts, py::arg("logs") = stage.logs,
      py::arg("options") = options, py::arg("refuses") = refuses);
}

py::dict to_dict(const Stats& stats) {
  return py::dict(
      py::arg("keys") = stats.keys, py::arg("live_bytes") = stats.live_bytes,
      py::arg("dead_bytes") = stats.dead_bytes,
      py::arg("disk_bytes") = stats.disk_bytes, py::arg("files") = stats.files,
      py::arg("index_bytes") = stats.index_bytes);
}

py::dict to_dict(const FileStats& file) {
  return py::dict(py::arg("file") = path_str(file.name),
                  py::arg("live_bytes") = file.live_bytes,
                  py::arg("dead_bytes") = file.dead_bytes,
                  py::arg("dead_percent") = file.dead_percent());
}

py::dict to_dict(const KeptRecord& record) {
  py::list fields;
  for (const auto& [name, bytes] : record.fields) {
    fields.append(py::make_tuple(text(name), py::bytes(bytes)));
  }
  return py::dict(
      py::arg("file") = path_str(record.file),
      py::arg("offset") = record.offset, py::arg("size") = record.size,
      py::arg("state") = text(record.state), py::arg("fields") = fields,
      py::arg("why") = text_or_none(record.why));
}

py::dict to_dict(const DamagedPlace& place) {
  return py::dict(
      py::arg("file") = path_str(place.file), py::arg("offset") = place.offset,
      py::arg("size") = place.size, py::arg("why") = text(place.why));
}

py::dict to_dict(const Totals& totals) {
  return py::dict(py::arg("opens") = totals.opens.calls,
                  py::arg("reads") = totals.reads.calls,
                  py::arg("bytes_read") = totals.reads.bytes,
                  py::arg("writes") = totals.writes.calls,
                  py::arg("bytes_written") = totals.writes.bytes,
                  py::arg("syncs") = totals.syncs.calls,
                  py::arg("others") = totals.others.calls);
}

py::dict to_dict(const LedgerEntry& entry) {
  const bool moves = entry.call == Call::kRead || entry.call == Call::kWrite;
  const bool has_offset = moves || entry.call == Call::kTruncate;
  py::object offset = py::none();
  py::object bytes = py::none();
  if (has_offset) offset = py::int_(entry.offset);
  if (moves) bytes = py::int_(entry.bytes);
  return py::dict(py::arg("call") = text(strata::name_of(entry.call)),
                  py::arg("path") = path_str(entry.path),
                  py::arg("offset") = offset, py::arg("bytes") = bytes,
                  py::arg("why") = text(entry.why),
                  py::arg("error") = entry.error);
}

py::dict to_dict(const Change& change) {
  py::object offset = py::none();
  py::object bytes = py::none();
  if (change.kind == Change::Kind::kWrite) bytes = py::bytes(change.bytes);
  if (change.kind == Change::Kind::kWrite ||
      change.kind == Change::Kind::kTruncate) {
    offset = py::int_(change.value);
  }
  return py::dict(py::arg("kind") = name_of(change.kind),
                  py::arg("path") = path_str(change.path),
                  py::arg("to") = text_or_none(change.to),
                  py::arg("offset") = offset, py::arg("bytes") = bytes);
}

void register_errors(py::module_& module) {
  py::register_exception<Damage>(module, "Damage").attr("__doc__") =
      "Damage found in a file: the answer would have to come from damaged "
      "bytes, or could be hidden by them.";
  py::register_exception<Busy>(module, "Busy").attr("__doc__") =
      "Another process, or another store in this one, writes here.";
  py::register_exception_translator([](std::exception_ptr raised) {
    try {
      if (raised) std::rethrow_exception(raised);
    } catch (const IoError& error) {
      raise_os_error(error);
    } catch (const InvalidInput& error) {
      PyErr_SetString(PyExc_ValueError, error.what());
    }
  });
}

}  // namespace strata::python
