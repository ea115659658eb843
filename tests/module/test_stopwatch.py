from gpt_exp.module import stopwatch as module


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_pauses_are_left_out_of_a_lap(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "perf_counter", clock)
    stopwatch = module.Stopwatch()
    clock.now += 3
    with stopwatch.paused():
        clock.now += 50
    clock.now += 2
    assert stopwatch.lap() == 5
    clock.now += 1
    assert stopwatch.lap() == 1
    assert stopwatch.total == 6
