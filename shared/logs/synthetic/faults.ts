import type { Fault, Faults, Places } from "./fault.ts";
import { raised } from "./fault.ts";
import { hubFaults } from "./hub-faults.ts";
import type { ScenarioName, SyntheticFormat } from "./scenarios.ts";
import { site } from "./traceback.ts";

/** The fault of a scenario; null for one that ends otherwise. */
export function faultOf(name: ScenarioName, format: SyntheticFormat, places: Places): Fault | null {
  const make = faults[name] ?? hubFaults[name];
  return make ? make(format, places) : null;
}

const linear = site(
  "torch/nn/modules/linear.py",
  125,
  "forward",
  "return F.linear(input, self.weight, self.bias)",
);
const saveFile = site(
  "safetensors/torch.py",
  286,
  "save_file",
  "serialize_file(_flatten(tensors), filename, metadata=metadata)",
);

const faults: Faults = {
  oom: (format) =>
    format === "mlx-lm"
      ? {
          chain: [],
          before: [
            "libc++abi: terminating due to uncaught exception of type std::runtime_error: [METAL] Command buffer execution failed: Insufficient Memory (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)",
          ],
        }
      : raised(
          "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.50 GiB. GPU 0 has a total capacity of 23.64 GiB of which 812.19 MiB is free. Including non-PyTorch memory, this process has 22.83 GiB memory in use. Of the allocated memory 21.90 GiB is allocated by PyTorch, and 431.07 MiB is reserved by PyTorch but unallocated.",
          linear,
        ),
  "oom-host": () =>
    raised(
      "RuntimeError: [enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 12884901888 bytes. Error code 12 (Cannot allocate memory)",
      linear,
    ),
  config: (format) => {
    if (format === "ai-toolkit") {
      return raised("ValueError: config file is invalid. Unknown process type: lora_trainer");
    }
    return format === "hf-trainer"
      ? raised(
          "ValueError: 'adamw_9bit' is not a valid OptimizerNames, please select one of ['adamw_torch', 'adafactor', 'sgd']",
          site("transformers/utils/generic.py", 481, "_missing_", "raise ValueError("),
        )
      : {
          chain: [],
          before: [
            "usage: train_network.py [-h] [--v2] [--pretrained_model_name_or_path PRETRAINED_MODEL_NAME_OR_PATH]",
            "train_network.py: error: argument --max_train_steps: invalid int value: '1e3x'",
          ],
        };
  },
  "unsupported-model": () => ({
    chain: [
      {
        frames: [
          site("torch/nn/modules/module.py", 2593, "load_state_dict", "raise RuntimeError("),
        ],
        lines: [
          "RuntimeError: Error(s) in loading state_dict for UNet2DConditionModel:",
          "\tsize mismatch for down_blocks.0.attentions.0.proj_in.weight: copying a param with shape torch.Size([320, 320]) from checkpoint, the shape in current model is torch.Size([320, 320, 1, 1]).",
        ],
      },
    ],
  }),
  "dependency-missing": (format) =>
    raised(
      format === "mlx-lm"
        ? "ModuleNotFoundError: No module named 'datasets'"
        : "ModuleNotFoundError: No module named 'bitsandbytes'",
    ),
  "dependency-mismatch": () =>
    raised(
      "ImportError: cannot import name 'cached_download' from 'huggingface_hub' (/workspace/venv/lib/python3.11/site-packages/huggingface_hub/__init__.py)",
      site(
        "diffusers/utils/dynamic_modules_utils.py",
        28,
        "<module>",
        "from huggingface_hub import cached_download, hf_hub_download, model_info",
      ),
    ),
  cuda: () =>
    raised(
      "RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver from http://www.nvidia.com/Download/index.aspx",
      site("torch/cuda/__init__.py", 372, "_lazy_init", "torch._C._cuda_init()"),
    ),
  "disk-full": () => raised("OSError: [Errno 28] No space left on device", saveFile),
  permission: (_format, { output }) =>
    raised(`PermissionError: [Errno 13] Permission denied: '${output}'`, saveFile),
  "io-error": () =>
    raised(
      "safetensors_rust.SafetensorError: Error while deserializing header: incomplete metadata, file not fully covered",
      site(
        "safetensors/torch.py",
        338,
        "load_file",
        'with safe_open(filename, framework="pt", device=device) as f:',
      ),
    ),
  distributed: () =>
    raised(
      "torch.distributed.DistNetworkError: The client socket has timed out after 600000ms while trying to connect to (10.0.0.7, 29500).",
      site(
        "torch/distributed/rendezvous.py",
        189,
        "_create_c10d_store",
        "return TCPStore(hostname, port, world_size, False, timeout)",
      ),
    ),
  "dtype-shape": () =>
    raised("RuntimeError: mat1 and mat2 shapes cannot be multiplied (77x2048 and 768x320)", linear),
  killed: (format) => ({
    chain: [],
    after: [`bash: line 1:  2984 Killed                  ${commands[format]}`],
  }),
  crash: (format) => ({
    chain: [],
    before: [
      "Fatal Python error: Segmentation fault",
      "",
      "Current thread 0x00007f1d0a7fc640 (most recent call first):",
      '  File "/workspace/venv/lib/python3.11/site-packages/torch/autograd/graph.py", line 823 in _engine_run_backward',
      '  File "/workspace/venv/lib/python3.11/site-packages/torch/_tensor.py", line 626 in backward',
    ],
    after: [`bash: line 1:  3531 Segmentation fault      (core dumped) ${commands[format]}`],
  }),
  unknown: () =>
    raised(
      "AssertionError: flow state was advanced twice",
      site("flowtools/state.py", 61, "advance", "assert not self._advanced, message"),
    ),
  "dataset-missing": (format, { dataset }) => {
    switch (format) {
      case "ai-toolkit":
        return raised(`FileNotFoundError: [Errno 2] No such file or directory: '${dataset}'`);
      case "hf-trainer":
        return raised(
          `FileNotFoundError: Unable to find '${dataset}/train.jsonl'`,
          site(
            "datasets/data_files.py",
            411,
            "resolve_pattern",
            "raise FileNotFoundError(error_msg)",
          ),
        );
      case "sd-scripts":
        return raised(
          `FileNotFoundError: [Errno 2] No such file or directory: '${dataset}/metadata.json'`,
        );
      case "mlx-lm":
        return raised(
          `datasets.exceptions.DatasetNotFoundError: Dataset '${dataset}' doesn't exist on the Hub or cannot be accessed.`,
          site(
            "datasets/load.py",
            1031,
            "dataset_module_factory",
            "raise DatasetNotFoundError(msg)",
          ),
        );
    }
  },
  "dataset-empty": (format, { dataset }) => {
    switch (format) {
      case "ai-toolkit":
        return raised(`AssertionError: no images found in ${dataset}`);
      case "hf-trainer":
        return raised(
          "ValueError: num_samples should be a positive integer value, but got num_samples=0",
          site("torch/utils/data/sampler.py", 160, "__init__", "raise ValueError("),
        );
      case "sd-scripts":
        return {
          chain: [],
          before: [
            "No data found. Please verify arguments (train_data_dir must be the parent of folders with images) / 画像がありません。引数指定を確認してください（train_data_dirには画像があるフォルダではなく、画像があるフォルダの親フォルダを指定する必要があります）",
          ],
        };
      case "mlx-lm":
        return raised(
          "ValueError: Training set not found or empty. Please provide training set for fine-tuning.",
        );
    }
  },
  "dataset-corrupt": (_format, { dataset }) =>
    raised(
      `PIL.UnidentifiedImageError: cannot identify image file '${dataset}/img_0007.jpg'`,
      site("PIL/Image.py", 3581, "open", "raise UnidentifiedImageError(msg)"),
    ),
};

const commands: Readonly<Record<SyntheticFormat, string>> = {
  "ai-toolkit": "python run.py /workspace/config/job.yaml",
  "hf-trainer": "python train.py --output /workspace/output",
  "sd-scripts": "accelerate launch train_network.py --config_file=/workspace/config/job.toml",
  "mlx-lm": "mlx_lm.lora --config /workspace/config/job.yaml",
};
