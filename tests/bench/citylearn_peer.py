"""The peer of `bench microworld`: CityLearn's own environment, stepped as it is; it runs in .venv-citylearn.

    python citylearn_peer.py FOLDER STEPS     FOLDER: CityLearn 2.1.2's wheel, unpacked; prints {"homes", "seconds"}

Two of its imports are not what it was released with. `gym`, which is published without a wheel, is gymnasium, its
successor, whose `Env` and `spaces` it takes. `torch` is empty: only a class for the 2023 set derives from what is in it
(LSTMDynamics), and the homes of 2022 have no such thing.
"""

import json
import sys
import time
import types

import gymnasium


def stand_ins() -> None:
    torch, nn = types.ModuleType("torch"), types.ModuleType("torch.nn")
    nn.Module, nn.LSTM, nn.Linear = type("Module", (), {}), object, object
    torch.nn, torch.Tensor = nn, object
    sys.modules.update({"gym": gymnasium, "gym.spaces": gymnasium.spaces, "torch": torch, "torch.nn": nn})


def main() -> int:
    folder, steps = sys.argv[1], int(sys.argv[2])
    stand_ins()
    sys.path.insert(0, folder)
    from citylearn.citylearn import CityLearnEnv

    environment = CityLearnEnv(f"{folder}/citylearn/data/citylearn_challenge_2022_phase_all/schema.json")
    environment.reset()
    idle = [[0.1] * len(space.low) for space in environment.action_space]
    begin = time.process_time()
    for _ in range(steps):
        environment.step(idle)
    seconds = time.process_time() - begin
    print(json.dumps({"homes": len(environment.buildings), "seconds": seconds}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
