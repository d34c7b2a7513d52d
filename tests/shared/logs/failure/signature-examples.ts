/** A traceback of our own around the line that is looked at. */
export function raised(line: string, place = "train.py", named = "main"): string {
  return [
    "Traceback (most recent call last):",
    '  File "/workspace/trainer/run.py", line 7, in <module>',
    "    main()",
    `  File "/workspace/trainer/${place}", line 21, in ${named}`,
    "    go()",
    line,
    "",
  ].join("\n");
}

export const aloneOnItsLine = (line: string): string => `preparing\n${line}\n`;

/** For each row one log: the line that shows it, and what stands around it. */
export const shown: Readonly<Record<string, readonly [line: string, log?: string]>> = {
  "gpu-memory": ["torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB."],
  "gpu-memory-driver": [
    "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
  ],
  "gpu-memory-skipped": ["# OOM during training step, skipping batch 1/3 #"],
  "gpu-memory-repeated": [
    "RuntimeError: OOM during training step 3 times in a row, aborting training",
  ],
  "host-allocator": [
    "RuntimeError: DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes.",
  ],
  "kernel-oom-killer": ["Out of memory: Killed process 77 (python) total-vm:99kB"],
  "worker-killed": ["RuntimeError: DataLoader worker (pid 5) is killed by signal: Killed. "],
  "launcher-sigkill": ["  traceback : Signal 9 (SIGKILL) received by PID 14"],
  "disk-full": ["OSError: [Errno 28] No space left on device"],
  interrupted: ["KeyboardInterrupt"],
  "stop-flag": [
    "Exception: Job stopped",
    'Error running job: Job stopped\nTraceback (most recent call last):\n  File "run.py", line 1, in <module>\n    main()\nException: Job stopped\n',
  ],
  "task-killed": ["srun: error: gpu03: task 0: Killed"],
  "program-not-allowed": ["bash: ./train.sh: Permission denied"],
  "ray-memory": ["(raylet) Task was killed due to the node running low on memory."],
  "container-without-card": [
    'docker: Error response from daemon: could not select device driver "" with capabilities: [[gpu]].',
  ],
  "starter-failed": ["make: *** [train] Error 1"],
  "rust-panic": ["thread 'main' panicked at src/main.rs:4:5:"],
  "script-missing": ["python: can't open file 'x.py': [Errno 2] No such file or directory"],
  "program-missing": ["/usr/bin/python: No module named accelerate"],
  "image-refused": ["Error processing image: /workspace/x/a.jpg"],
  "shell-killed": ["bash: line 1:  4321 Killed                  python run.py config.yaml"],
  "launcher-stopped": [
    "W0102 03:04:05.678000 77 torch/distributed/elastic/agent/server/api.py:704] Received 1 death signal, shutting down workers",
  ],
  "gated-repo": ["huggingface_hub.errors.GatedRepoError: 403 Client Error. (Request ID: 1)"],
  "import-name": [
    "ImportError: cannot import name 'cached_download' from 'huggingface_hub' (/x.py)",
  ],
  "version-conflict": [
    "ImportError: tokenizers>=0.21 is required for a normal functioning of this module, but found tokenizers==0.15.0.",
  ],
  "card-architecture": [
    "RuntimeError: CUDA error: no kernel image is available for execution on the device",
  ],
  "no-card": ["AssertionError: Torch not compiled with CUDA enabled"],
  "native-crash": ["Fatal Python error: Segmentation fault"],
  "no-samples": [
    "ValueError: num_samples should be a positive integer value, but got num_samples=0",
  ],
  "dataset-not-on-hub": [
    "datasets.exceptions.DatasetNotFoundError: Dataset 'a/b' doesn't exist on the Hub or cannot be accessed.",
  ],
  "damaged-image": ["PIL.UnidentifiedImageError: cannot identify image file '/workspace/x/a.jpg'"],
  "damaged-caption": [
    "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
    raised(
      "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
      "loader.py",
      "load_caption",
    ),
  ],
  "damaged-records": [
    "pyarrow.lib.ArrowInvalid: JSON parse error: Missing a closing quotation mark in row 3",
  ],
  "damaged-jsonl": [
    "json.decoder.JSONDecodeError: Expecting value: line 3 column 1 (char 120)",
    raised(
      "json.decoder.JSONDecodeError: Expecting value: line 3 column 1 (char 120)",
      "datasets.py",
      "load_subset",
    ),
  ],
  "records-place": [
    "ValueError: All arrays must be of the same length",
    raised(
      "ValueError: All arrays must be of the same length",
      "packaged_modules/json.py",
      "_generate_tables",
    ),
  ],
  "dataset-columns": ["KeyError: 'messages'"],
  permission: ["PermissionError: [Errno 13] Permission denied: '/workspace/out'"],
  "damaged-weights": [
    "safetensors_rust.SafetensorError: Error while deserializing header: HeaderTooLarge",
  ],
  database: ["sqlite3.OperationalError: database is locked"],
  "device-io": ["OSError: [Errno 5] Input/output error"],
  "rename-failed": [
    "FileNotFoundError: [Errno 2] No such file or directory: 'out/tmp' -> 'out/last'",
  ],
  "weights-wrapper": [
    "OSError: Unable to load weights from checkpoint file for '/workspace/m' at '/workspace/m/x'.",
  ],
  "hub-token": [
    "huggingface_hub.errors.LocalTokenNotFoundError: Token is required, but no token found.",
  ],
  "repository-not-found": [
    "huggingface_hub.errors.RepositoryNotFoundError: 404 Client Error. (Request ID: 1)",
  ],
  "entry-not-found": [
    "huggingface_hub.errors.EntryNotFoundError: 404 Client Error. (Request ID: 1)",
  ],
  "hub-forbidden": [
    "huggingface_hub.errors.HfHubHTTPError: 401 Client Error: Unauthorized for url: https://huggingface.co/api/whoami-v2",
  ],
  "local-folder-without-model": [
    "OSError: We couldn't connect to 'https://huggingface.co' to load this model, couldn't find it in the cached files and it looks like /workspace/m is not the path to a directory containing a file",
  ],
  "too-many-requests": [
    "huggingface_hub.errors.HfHubHTTPError: 429 Client Error: Too Many Requests for url: https://x",
  ],
  "no-such-model": [
    "OSError: a/b is not a local folder and is not a valid model identifier listed on 'https://huggingface.co/models'",
  ],
  "model-file-missing": [
    "FileNotFoundError: [Errno 2] No such file or directory: '/workspace/x/vae'",
    raised(
      "FileNotFoundError: [Errno 2] No such file or directory: '/workspace/x/vae'",
      "parts.py",
      "load_checkpoint",
    ),
  ],
  "model-path-missing": [
    "FileNotFoundError: No such file or directory: '/workspace/x/ae.safetensors'",
  ],
  "hub-server-error": [
    "huggingface_hub.errors.HfHubHTTPError: 503 Server Error: Service Unavailable for url: https://x",
  ],
  "hub-unreachable": ["OSError: We couldn't connect to 'https://huggingface.co' to load the files"],
  "connection-failed": ["httpx.ConnectError: [Errno 111] Connection refused"],
  "name-not-resolved": ["RuntimeError: Temporary failure in name resolution"],
  "download-incomplete": [
    "OSError: Consistency check failed: file should be of size 9 but has size 3 (x).",
  ],
  "not-in-cache": ["OSError: the model is not fully cached locally"],
  "config-unreadable": ["yaml.scanner.ScannerError: mapping values are not allowed here"],
  "config-json": [
    "json.decoder.JSONDecodeError: Expecting ',' delimiter: line 1 column 4 (char 3)",
    raised(
      "json.decoder.JSONDecodeError: Expecting ',' delimiter: line 1 column 4 (char 3)",
      "start.py",
      "get_config",
    ),
  ],
  "config-file-missing": ["ValueError: Could not find config file first"],
  "config-rejected": ["ValueError: Unknown optimizer type sgd"],
  "arguments-rejected": [
    "train.py: error: unrecognized arguments: --lrr",
    aloneOnItsLine("train.py: error: unrecognized arguments: --lrr"),
  ],
  "setting-unknown": [
    "TypeError: TrainingArguments.__init__() got an unexpected keyword argument 'learning_ratee'",
  ],
  "setting-unknown-place": [
    "TypeError: Adam.__init__() got an unexpected keyword argument 'warm'",
    raised(
      "TypeError: Adam.__init__() got an unexpected keyword argument 'warm'",
      "optimizer.py",
      "make",
    ),
  ],
  "config-wrong-type": ["ValueError: could not convert string to float: '1e-4x'"],
  "config-place": [
    "KeyError: 'bf17'",
    raised("KeyError: 'bf17'", "train_tools.py", "get_torch_dtype"),
  ],
  "value-refused": ["ValueError: Invalid beta parameter at index 0: 1.5"],
  "settings-key-missing": ["KeyError: 'steps'"],
  "weights-of-another-model": [
    "RuntimeError: Error(s) in loading state_dict for UNet2DConditionModel:",
  ],
  "weights-do-not-fit": [
    "size mismatch for a.weight: copying a param with shape torch.Size([3]) from checkpoint, the shape in current model is torch.Size([4]).",
  ],
  "model-part-missing": [
    "AttributeError: 'NoneType' object has no attribute 'to'",
    raised("AttributeError: 'NoneType' object has no attribute 'to'", "parts.py", "load_model"),
  ],
  "model-keys": ["KeyError: 'model.diffusion_model.x'"],
  "module-part-missing": [
    "ModuleNotFoundError: No module named 'torchvision.transforms.functional_tensor'",
  ],
  "module-missing": ["ModuleNotFoundError: No module named 'bitsandbytes'"],
  "package-asked-for": [
    "RuntimeError: WandbCallback requires wandb to be installed. Run `pip install wandb`.",
  ],
  "system-library-missing": [
    "ImportError: libGL.so.1: cannot open shared object file: No such file or directory",
  ],
  "module-attribute": ["AttributeError: module 'numpy' has no attribute 'bool'."],
  "class-attribute": ["AttributeError: 'CLIPTextModel' object has no attribute 'text_model'"],
  "unexpected-argument": [
    "TypeError: Trainer.__init__() got an unexpected keyword argument 'tokenizer'",
  ],
  "loader-mismatch": [
    "ImportError: DLL load failed while importing _C: The specified procedure could not be found.",
  ],
  "lazy-import-failed": [
    "RuntimeError: Failed to import diffusers.x because of the following error (look up to see its traceback):",
  ],
  "import-failed": ["ImportError: No xformers"],
  "card-fault": ["RuntimeError: CUDA error: unspecified launch failure"],
  "index-outside-model": ["RuntimeError: CUDA error: device-side assert triggered"],
  "tensor-shapes": ["RuntimeError: mat1 and mat2 shapes cannot be multiplied (4x3 and 2x1)"],
  "tensor-types": ["RuntimeError: expected scalar type Half but found Float"],
  "processes-lost-each-other": [
    "torch.distributed.DistNetworkError: The client socket has timed out after 6000ms",
  ],
  "collective-timeout": [
    "[rank3]:[E102 03:04:05.67 ProcessGroupNCCL.cpp:600] [Rank 3] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=3)",
  ],
  "collective-given-up": [
    "[rank0]:[E102 03:04:05.67 ProcessGroupNCCL.cpp:1600] [PG 1 Rank 0] Exception (either an error or timeout) detected by watchdog at work: 15",
  ],
  "child-failed": [
    "subprocess.CalledProcessError: Command '['python', 'train.py']' returned non-zero exit status 1.",
  ],
  "fault-signal": ["run.sh: line 3:    77 Segmentation fault      (core dumped) python run.py"],
  "windows-fault": [
    "subprocess.CalledProcessError: Command '['python.exe', 'train.py']' returned non-zero exit status 3221225477.",
  ],
  "terminate-called": ["terminate called after throwing an instance of 'std::runtime_error'"],
  "nan-stop": ["Loss is nan, stopping training"],
  "nan-assertion": ["AssertionError: No inf checks were recorded for this optimizer."],
  "no-data-said": [
    "No data found. Please verify arguments (train_data_dir must be the parent of folders with images)",
  ],
  "no-images": ["AssertionError: no images found in /workspace/photos"],
  "dataset-path-missing": [
    "FileNotFoundError: [Errno 2] No such file or directory: '/workspace/datasets/a'",
  ],
  "dataset-frame-missing": [
    "FileNotFoundError: [Errno 2] No such file or directory: '/workspace/x'",
    raised(
      "FileNotFoundError: [Errno 2] No such file or directory: '/workspace/x'",
      "data_loader.py",
      "open_all",
    ),
  ],
  "empty-batch-list": [
    "ZeroDivisionError: division by zero",
    raised("ZeroDivisionError: division by zero", "bucket_maker.py", "make"),
  ],
  "file-missing": ["FileNotFoundError: [Errno 2] No such file or directory: '/workspace/x'"],
};
