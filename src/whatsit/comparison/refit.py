"""The winner, taught again on valid photos too, and published. Here, and not before, the test photos are opened.

What a photo has to be new for stays as it was: a network's temperature and its threshold of "unsure" come from the
first fit, which had not seen the valid photos. The number of its epochs is the one that was best then.
"""

from dataclasses import replace
from pathlib import Path

from whatsit.comparison.field import Field
from whatsit.comparison.trial import Trial, sight_of, taught_network
from whatsit.steps.gather import with_vectors
from whatsit.steps.learn import learn
from whatsit.steps.rate import with_rate
from whatsit.steps.teach import see_through
from whatsit.steps.training import Order, Trained, published


def refitted(won: Trial, field: Field, order: Order, work: Path) -> Trained:
    """Writes the model folder. work: the folder of the checkpoint."""
    return _probe(field, order) if won.history is None else _network(won, field, order, work)


def _probe(field: Field, order: Order) -> Trained:
    """Its head is fitted on train and valid together as always, its penalty chosen on valid."""
    sight, fit = sight_of(order.options, field, order.watch)
    photos = with_vectors(field.photos, sight.embed(field.photos.dataset, fit, "judging"))
    with order.watch("learning", None):
        learned = learn(photos, field.plan, order.options)
    return published(photos, field.plan, learned, sight.extractor(fit), order)


def _network(won: Trial, field: Field, order: Order, work: Path) -> Trained:
    if won.history is None:
        raise TypeError(f"{won.name} is no network")
    options = with_rate(order.options, won.found_rate)
    again = taught_network(options, field, work, order.watch, stop_after=won.history.best)
    network = replace(again, history=won.history)
    taught = see_through(network, field.photos, field.plan, options, order.watch, held_out=won.logits)
    order = replace(order, options=options)
    return published(taught.photos, taught.plan, taught.learned, network.extractor, order)
