def get_all_extensions_process_dict():
    return {}
