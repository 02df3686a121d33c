"""The names of EPCIS in XML: namespaces, structure of every element, and the words of the CBV.

Structures are written down as in a DTD: `name:Type` in order, with `?`, `*` or `+`; a lower-case
type is text. `##other` stands for elements of a foreign namespace, `##local` for elements of none;
both may be repeated. Source: EPCIS 2.0 (ISO/IEC 19987) section 9, EPCIS 1.2 section 9, and the
GS1 Standard Business Document Header 1.3.
"""

from __future__ import annotations

from typing import Final, Literal

Version = Literal["2.0", "1.2"]

XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
XSD: Final = "http://www.w3.org/2001/XMLSchema"
SBDH: Final = "http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"
RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

CAPTURE: Final[dict[str, Version]] = {
    "urn:epcglobal:epcis:xsd:2": "2.0",
    "urn:epcglobal:epcis:xsd:1": "1.2",
}
QUERY: Final[dict[str, Version]] = {
    "urn:epcglobal:epcis-query:xsd:2": "2.0",
    "urn:epcglobal:epcis-query:xsd:1": "1.2",
}

EVENT_TYPES: Final = (
    "ObjectEvent",
    "AggregationEvent",
    "TransactionEvent",
    "TransformationEvent",
    "AssociationEvent",
)

_COMMON_2 = (
    "eventTime:stamp recordTime:stamp? eventTimeZoneOffset:string eventID:uri?"
    " errorDeclaration:ErrorDeclaration? certificationInfo:uri? baseExtension:Foreign?"
)
_COMMON_1 = (
    "eventTime:time recordTime:time? eventTimeZoneOffset:string baseExtension:BaseExtension?"
)
_WHY = "bizStep:uri? disposition:uri? readPoint:Place? bizLocation:Place?"
_TRANSACTIONS = "bizTransactionList:BizTransactionList?"
_PARTIES = "sourceList:SourceList? destinationList:DestinationList?"
_HOW = "sensorElementList:SensorElementList? persistentDisposition:PersistentDisposition?"
_OPEN = "extension:Foreign? ##other"
_OPEN_LOCAL = "extension:Local? ##other"
_BASE_EXTENSION = "eventID:uri? errorDeclaration:ErrorDeclaration? extension:Local?"
_ASSOCIATION = (
    "parentID:uri childEPCs:EPCList? childQuantityList:QuantityList? action:action"
    f" {_WHY} {_TRANSACTIONS} {_PARTIES} {_HOW} {_OPEN}"
)

_SHARED: Final[dict[str, str]] = {
    "Local": "##local+",
    "Foreign": "##other+",
    "EPCList": "epc:string*",
    "QuantityElement": "epcClass:uri quantity:quantity? uom:string?",
    "QuantityList": "quantityElement:QuantityElement*",
    "Place": f"id:uri {_OPEN_LOCAL}",
    "BizTransactionList": "bizTransaction:typed+",
    "SourceList": "source:party+",
    "DestinationList": "destination:party+",
    "ILMD": _OPEN_LOCAL,
    "CorrectiveEventIDs": "correctiveEventID:uri*",
    "Document": f"EPCISHeader:Header? EPCISBody:Body {_OPEN_LOCAL}",
    "QueryDocument": f"EPCISHeader:Header? EPCISBody:QueryBody {_OPEN_LOCAL}",
    "QueryBody": "QueryResults:QueryResults",
    "Body": f"EventList:EventList? {_OPEN_LOCAL}",
    "HeaderExtension": "EPCISMasterData:MasterData? extension:Local?",
    "MasterData": "VocabularyList:VocabularyList extension:Local?",
    "VocabularyList": "Vocabulary:Vocabulary*",
    "Vocabulary": f"VocabularyElementList:VocabularyElementList? {_OPEN_LOCAL}",
    "VocabularyElementList": "VocabularyElement:VocabularyElement+",
    "VocabularyElement": f"attribute:any* children:IDList? {_OPEN_LOCAL}",
    "IDList": "id:uri*",
    "QueryResults": (
        f"queryName:string subscriptionID:string? resultsBody:ResultsBody {_OPEN_LOCAL}"
    ),
    "ResultsBody": "EventList:EventList | VocabularyList:VocabularyList",
    "SBDH": (
        "HeaderVersion:string Sender:Partner+ Receiver:Partner+"
        " DocumentIdentification:DocumentIdentification Manifest:Manifest?"
        " BusinessScope:BusinessScope?"
    ),
    "Partner": "Identifier:authority ContactInformation:ContactInformation*",
    "ContactInformation": (
        "Contact:string EmailAddress:string? FaxNumber:string? TelephoneNumber:string?"
        " ContactTypeIdentifier:string?"
    ),
    "DocumentIdentification": (
        "Standard:string TypeVersion:string InstanceIdentifier:string Type:string"
        " MultipleType:boolean? CreationDateAndTime:time"
    ),
    "Manifest": "NumberOfItems:integer ManifestItem:ManifestItem+",
    "ManifestItem": (
        "MimeTypeQualifierCode:string UniformResourceIdentifier:uri Description:string?"
        " LanguageCode:string?"
    ),
    "BusinessScope": "Scope:Scope*",
    "Scope": (
        "Type:string InstanceIdentifier:string Identifier:string?"
        " CorrelationInformation:CorrelationInformation|BusinessService:BusinessService*"
    ),
    "CorrelationInformation": (
        "RequestingDocumentCreationDateTime:time? RequestingDocumentInstanceIdentifier:string?"
        " ExpectedResponseDateTime:time?"
    ),
    "BusinessService": "BusinessServiceName:string? ServiceTransaction:ServiceTransaction?",
    "ServiceTransaction": "",
}

_VERSION_2: Final[dict[str, str]] = {
    "Header": "StandardBusinessDocumentHeader:SBDH? extension:HeaderExtension?",
    "ErrorDeclaration": (
        "declarationTime:stamp | reason:uri | correctiveEventIDs:CorrectiveEventIDs"
        " | extension:Local | ##other"
    ),
    "PersistentDisposition": "unset:uri* set:uri*",
    "SensorElementList": "sensorElement:SensorElement+ extension:Local?",
    "SensorElement": f"sensorMetadata:metadata? sensorReport:report+ {_OPEN_LOCAL}",
    "EventList": " | ".join((*(f"{name}:{name}" for name in EVENT_TYPES), "extension:Foreign")),
    "ObjectEvent": (
        f"{_COMMON_2} epcList:EPCList? action:action {_WHY} {_TRANSACTIONS}"
        f" quantityList:QuantityList? {_PARTIES} {_HOW} ilmd:ILMD? {_OPEN}"
    ),
    "AggregationEvent": (
        f"{_COMMON_2} parentID:uri? childEPCs:EPCList? action:action {_WHY} {_TRANSACTIONS}"
        f" childQuantityList:QuantityList? {_PARTIES} {_HOW} {_OPEN}"
    ),
    "TransactionEvent": (
        f"{_COMMON_2} bizTransactionList:BizTransactionList parentID:uri? epcList:EPCList?"
        f" action:action {_WHY} quantityList:QuantityList? {_PARTIES} {_HOW} {_OPEN}"
    ),
    "TransformationEvent": (
        f"{_COMMON_2} inputEPCList:EPCList? inputQuantityList:QuantityList?"
        f" outputEPCList:EPCList? outputQuantityList:QuantityList? transformationID:uri?"
        f" {_WHY} {_TRANSACTIONS} {_PARTIES} {_HOW} ilmd:ILMD? {_OPEN}"
    ),
    "AssociationEvent": f"{_COMMON_2} {_ASSOCIATION}",
    "EarlyAssociationEvent": f"{_COMMON_1} {_ASSOCIATION}",
    "BaseExtension": _BASE_EXTENSION,
}

_VERSION_1: Final[dict[str, str]] = {
    "Header": "StandardBusinessDocumentHeader:SBDH extension:HeaderExtension? ##other",
    "BaseExtension": _BASE_EXTENSION,
    "ErrorDeclaration": (
        f"declarationTime:time reason:uri? correctiveEventIDs:CorrectiveEventIDs? {_OPEN_LOCAL}"
    ),
    "EventList": (
        "ObjectEvent:ObjectEvent | AggregationEvent:AggregationEvent"
        " | QuantityEvent:QuantityEvent | TransactionEvent:TransactionEvent"
        " | extension:EventListExtension"
    ),
    "EventListExtension": "TransformationEvent:TransformationEvent | extension:LaterEvents",
    "LaterEvents": "##local+",
    "ObjectEvent": (
        f"{_COMMON_1} epcList:EPCList action:action {_WHY} {_TRANSACTIONS}"
        " extension:ObjectExtension? ##other"
    ),
    "ObjectExtension": f"quantityList:QuantityList? {_PARTIES} ilmd:ILMD? extension:Local?",
    "AggregationEvent": (
        f"{_COMMON_1} parentID:uri? childEPCs:EPCList action:action {_WHY} {_TRANSACTIONS}"
        " extension:AggregationExtension? ##other"
    ),
    "AggregationExtension": f"childQuantityList:QuantityList? {_PARTIES} extension:Local?",
    "QuantityEvent": (
        f"{_COMMON_1} epcClass:uri quantity:int {_WHY} {_TRANSACTIONS} {_OPEN_LOCAL}"
    ),
    "TransactionEvent": (
        f"{_COMMON_1} bizTransactionList:BizTransactionList parentID:uri? epcList:EPCList"
        f" action:action {_WHY} extension:TransactionExtension? ##other"
    ),
    "TransactionExtension": f"quantityList:QuantityList? {_PARTIES} extension:Local?",
    "TransformationEvent": (
        f"{_COMMON_1} inputEPCList:EPCList? inputQuantityList:QuantityList?"
        " outputEPCList:EPCList? outputQuantityList:QuantityList? transformationID:uri?"
        f" {_WHY} {_TRANSACTIONS} {_PARTIES} ilmd:ILMD? {_OPEN_LOCAL}"
    ),
}

STRUCTURES: Final[dict[Version, dict[str, str]]] = {
    "2.0": {**_SHARED, **_VERSION_2},
    "1.2": {**_SHARED, **_VERSION_1},
}
"""The structure of every element type, by version. An AssociationEvent in a document of 1.2 borrows
that of 2.0; where it has a `baseExtension` of 1.2, it is an `EarlyAssociationEvent`."""

_CLOSED = (
    "EPCList QuantityElement QuantityList Place BizTransactionList SourceList DestinationList"
    " CorrectiveEventIDs MasterData VocabularyList VocabularyElementList PersistentDisposition"
    " SensorElementList SensorElement QueryResults ResultsBody EventListExtension"
)
_QUALIFIED = (
    "SBDH Partner ContactInformation DocumentIdentification Manifest ManifestItem BusinessScope"
    " Scope CorrelationInformation BusinessService ServiceTransaction"
)
CLOSED: Final = frozenset((*_CLOSED.split(), *_QUALIFIED.split()))
"""Types that take no attribute; all others take any."""

EXACTLY_ONE: Final = frozenset(("ResultsBody", "EventListExtension", "QueryBody"))
"""Choices of which one must be made; the other choices may be repeated or left out."""

QUALIFIED: Final = frozenset(_QUALIFIED.split())
"""Types whose children are in the namespace of the business document header."""

ATTRIBUTES: Final[dict[str, str]] = {
    "typed": "type:uri",
    "party": "type:uri!",
    "authority": "Authority:string",
    "Vocabulary": "type:uri!",
    "VocabularyElement": "id:uri!",
    "any": "id:uri!",
    "ServiceTransaction": (
        "TypeOfServiceTransaction:service IsNonRepudiationRequired:string"
        " IsAuthenticationRequired:string IsNonRepudiationOfReceiptRequired:string"
        " IsIntegrityCheckRequired:string IsApplicationErrorResponseRequested:string"
        " TimeToAcknowledgeReceipt:string TimeToAcknowledgeAcceptance:string"
        " TimeToPerform:string Recurrence:string"
    ),
    "metadata": (
        "time:stamp deviceID:uri deviceMetadata:uri rawData:uri startTime:stamp endTime:stamp"
        " bizRules:uri dataProcessingMethod:uri"
    ),
    "report": (
        "type:uri value:double component:uri stringValue:string booleanValue:boolean"
        " hexBinaryValue:hex uriValue:uri uom:string minValue:double maxValue:double sDev:double"
        " chemicalSubstance:uri microorganism:uri deviceID:uri deviceMetadata:uri rawData:uri"
        " time:stamp meanValue:double percRank:double percValue:double dataProcessingMethod:uri"
        " coordinateReferenceSystem:uri exception:uri"
    ),
}
"""Attributes with a type of their own; `!` marks those that must be there."""

TEXT_WITH_ATTRIBUTES: Final = frozenset(("typed", "party", "authority"))
"""Types of text that take the attributes of `ATTRIBUTES` and no others."""

URNS: Final[dict[str, str]] = {
    "bizStep": "urn:epcglobal:cbv:bizstep:",
    "disposition": "urn:epcglobal:cbv:disp:",
    "bizTransaction": "urn:epcglobal:cbv:btt:",
    "sourceOrDestination": "urn:epcglobal:cbv:sdt:",
    "reason": "urn:epcglobal:cbv:er:",
}
"""How the words of a vocabulary begin where they are written as URN (CBV 2.0, section 7)."""
