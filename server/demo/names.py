"""Common first and last names of five languages, from which the demo's people are invented.

Polish family names that have two forms are written `-ski/-ska`: for men, then for women.
"""

from typing import NamedTuple


class Names(NamedTuple):
    """What people are called in one language."""

    women: tuple[str, ...]
    men: tuple[str, ...]
    families: tuple[str, ...]

    def family(self, position: int, *, woman: bool) -> str:
        """Return the family name at this position, in the form for a woman or a man."""
        name = self.families[position % len(self.families)]
        return name.split("/")[woman] if "/" in name else name


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_EN = Names(
    women=_words(
        """
        Mary Patricia Jennifer Linda Elizabeth Barbara Susan Jessica Karen Sarah Lisa Nancy Sandra Ashley Emily
        Kimberly Margaret Donna Michelle Carol Amanda Melissa Deborah Stephanie Rebecca Sharon Laura Cynthia Dorothy
        Amy
        """
    ),
    men=_words(
        """
        James Robert John Michael David William Richard Joseph Thomas Charles Christopher Daniel Matthew Anthony
        Mark Donald Steven Paul Andrew Joshua Kenneth Kevin Brian George Timothy Ronald Edward Jason Jeffrey Ryan
        """
    ),
    families=_words(
        """
        Smith Johnson Williams Brown Jones Miller Davis Wilson Anderson Thomas Taylor Moore Jackson Martin Lee
        Thompson White Harris Clark Lewis Robinson Walker Young Allen King Wright Scott Hill Green Adams Nelson
        Baker Hall Campbell Mitchell Carter Roberts Turner Phillips Parker O'Connor
        """
    ),
)
_NB = Names(
    women=_words(
        """
        Anne Inger Kari Marit Ingrid Liv Eva Berit Astrid Bjørg Hilde Anna Solveig Marianne Randi Ida Nina Maria
        Elisabeth Kristin Bente Heidi Silje Hanne Linda Tone Åse Julie Kjersti Mette
        """
    ),
    men=_words(
        """
        Jan Per Bjørn Ole Lars Kjell Knut Arne Svein Thomas Hans Geir Tor Morten Terje Odd Erik Martin Andreas John
        Anders Rune Trond Tore Daniel Jon Kristian Tom Øyvind Håkon
        """
    ),
    families=_words(
        """
        Hansen Johansen Olsen Larsen Andersen Pedersen Nilsen Kristiansen Jensen Karlsen Johnsen Pettersen Eriksen
        Berg Haugen Hagen Johannessen Andreassen Jacobsen Dahl Jørgensen Henriksen Lund Halvorsen Sørensen Jakobsen
        Moen Gundersen Iversen Strand Solberg Svendsen Eide Knutsen Bakken Lie Ødegård Nygård Aas Bråten
        """
    ),
)
_SV = Names(
    women=_words(
        """
        Anna Eva Maria Karin Kristina Lena Sara Kerstin Emma Ingrid Marie Malin Jenny Annika Birgitta Linda Monica
        Ulla Susanne Elin Inger Hanna Johanna Sofia Carina Åsa Märta Görel Helena Ebba
        """
    ),
    men=_words(
        """
        Lars Anders Mikael Johan Karl Per Erik Peter Jan Thomas Daniel Fredrik Hans Andreas Stefan Mats Bengt Bo
        Marcus Mattias Björn Magnus Göran Jonas Alexander Henrik Oskar Håkan Åke Sören
        """
    ),
    families=_words(
        """
        Andersson Johansson Karlsson Nilsson Eriksson Larsson Olsson Persson Svensson Gustafsson Pettersson Jonsson
        Jansson Hansson Bengtsson Jönsson Lindberg Jakobsson Magnusson Lindström Olofsson Lindqvist Lindgren Berg
        Axelsson Bergström Lundberg Lind Lundgren Lundqvist Mattsson Berglund Fredriksson Sandberg Henriksson
        Forsberg Sjöberg Wallin Engström Åberg
        """
    ),
)
_PL = Names(
    women=_words(
        """
        Anna Maria Katarzyna Małgorzata Agnieszka Barbara Ewa Krystyna Elżbieta Magdalena Joanna Zofia Aleksandra
        Monika Teresa Danuta Natalia Karolina Marta Julia Beata Dorota Jolanta Halina Iwona Alicja Grażyna Irena
        Żaneta Łucja
        """
    ),
    men=_words(
        """
        Piotr Krzysztof Andrzej Tomasz Jan Paweł Michał Marcin Jakub Adam Stanisław Marek Łukasz Grzegorz Wojciech
        Mateusz Jerzy Dariusz Zbigniew Maciej Rafał Robert Kamil Dawid Henryk Jacek Bartosz Szymon Tadeusz Sławomir
        """
    ),
    families=_words(
        """
        Nowak Kowalski/Kowalska Wiśniewski/Wiśniewska Wójcik Kowalczyk Kamiński/Kamińska Lewandowski/Lewandowska
        Zieliński/Zielińska Szymański/Szymańska Woźniak Dąbrowski/Dąbrowska Kozłowski/Kozłowska Mazur
        Jankowski/Jankowska Kwiatkowski/Kwiatkowska Krawczyk Kaczmarek Piotrowski/Piotrowska Grabowski/Grabowska
        Zając Pawłowski/Pawłowska Król Michalski/Michalska Wróbel Wieczorek Jabłoński/Jabłońska Nowicki/Nowicka
        Majewski/Majewska Stępień Olszewski/Olszewska Jaworski/Jaworska Malinowski/Malinowska Dudek Pawlak
        Górski/Górska Witkowski/Witkowska Sikora Baran Walczak Gąsior
        """
    ),
)
_ET = Names(
    women=_words(
        """
        Anna Tiina Anne Kristiina Maria Katrin Marika Irina Sirje Ülle Piret Kadri Triin Liis Riina Helena Maarika
        Kersti Merike Evelin Kairi Mari Õie Eha Leelo Pille Moonika Grete Külli Annika
        """
    ),
    men=_words(
        """
        Andres Toomas Martin Margus Urmas Aivar Jaan Rein Jüri Peeter Priit Tõnu Tarmo Indrek Kristjan Meelis Raivo
        Ants Marko Rasmus Kalev Jaanus Siim Taavi Madis Ülo Tõnis Märt Karl Heiki
        """
    ),
    families=_words(
        """
        Tamm Saar Sepp Mägi Kask Kukk Rebane Ilves Pärn Koppel Luik Oja Raudsepp Kuusk Lepik Karu Kütt Põder Vaher
        Lepp Kivi Laur Mölder Rand Kallas Mets Kuusik Parts Org Allik Pukk Sild Jõgi Lõhmus Mänd Ots Teder Uibo
        Välja Õunapuu
        """
    ),
)

NAMES: dict[str, Names] = {"en": _EN, "nb": _NB, "sv": _SV, "pl": _PL, "et": _ET}
