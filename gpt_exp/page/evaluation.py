"""placeholder"""


def write_evaluation(folder):
    return folder
