"""Made-up results in Google Benchmark's format, for the tests of the report
only: nothing in them was measured."""

import json

import results


def entries(workload, subject, times, n=1000, value=100, sizes='',
            label='stage, system', unit='ns', **counters):
    """The entries of one result: a round for each of `times`, and their
    aggregates, which a reader of the rounds must not take for rounds. `sizes`
    is what stands in the name instead of n and value."""
    sizes = sizes or f'n:{n}/value:{value}'
    name = (f'{workload}/{subject}/{sizes}/iterations:1/'
            f'repeats:{len(times)}/manual_time')
    common = {'run_name': name, 'time_unit': unit, 'iterations': 1,
              'threads': 1, 'cpu_time': 0.0, 'label': label, **counters}
    rounds = [{'name': name, 'run_type': 'iteration', 'repetition_index': i,
               'real_time': time, **common} for i, time in enumerate(times)]
    middle = sorted(times)[len(times) // 2]
    return rounds + [
        {'name': f'{name}_{what}', 'run_type': 'aggregate',
         'aggregate_name': what, 'real_time': time, **common}
        for what, time in (('mean', 1e9), ('median', middle), ('stddev', 1e9))]


def failed(workload, subject, message, n=1000, value=100):
    name = f'{workload}/{subject}/n:{n}/value:{value}'
    return [{'name': name, 'run_name': name, 'run_type': 'iteration',
             'error_occurred': True, 'error_message': message,
             'real_time': 0.0, 'time_unit': 'ns', 'label': 'stage, system'}]


def document(*groups, **context):
    """The text of results.json."""
    return json.dumps({
        'context': {'date': '2026-01-01T00:00:00+00:00', 'num_cpus': 2,
                    'processor': 'An example', 'file_system': 'ext4',
                    'compiler': 'GNU 12', 'build_type': 'Release',
                    'commit': 'abc', 'rounds': '5', **context},
        'benchmarks': [one for group in groups for one in group]})


def run(*groups, **context):
    return results.from_json(document(*groups, **context))


def near(ns):
    """Five rounds whose median is `ns` and that lie within 2 %."""
    return [ns * part for part in (1.01, 0.99, 1.0, 1.005, 0.995)]
